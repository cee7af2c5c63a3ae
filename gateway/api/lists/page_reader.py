"""Read one page of the list, and learn from it how the API deviates from the documentation."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlencode

from gateway.api.client import ApiClient
from gateway.api.decoding import bad_response
from gateway.api.failures import parse_read_error
from gateway.api.lists.behaviour import ListBehaviour
from gateway.api.lists.joining import ReadPage, place_of, to_page
from gateway.api.lists.pagination import PageRequest
from gateway.api.lists.response import ListResponse, parse_list
from gateway.transport.errors import ResponseTooLarge
from schema.source.records import ClientFilter, Page
from schema.source.request_context import Priority, RequestContext

_TOO_LARGE = 413


class ListCall(NamedTuple):
    """The operation, filter and priority of a list read."""

    operation: RequestContext
    where: ClientFilter
    priority: Priority

    @property
    def caller(self) -> str:
        """The cache partition of the caller."""
        return self.operation.caller.partition

    def note_drift(self) -> None:
        """Record that the API's response contradicts itself: more calls than planned may follow."""
        self.operation.receipt.drift = self.operation.call_budget.may_exceed_estimate = True

    @property
    def name(self) -> tuple[str, ClientFilter]:
        """The identity of the list: caller and filter."""
        return self.caller, self.where


class PageReader:
    """Makes list calls. `clock` is monotonic, in seconds."""

    def __init__(
        self, calls: ApiClient, behaviour: ListBehaviour, clock: Callable[[], float]
    ) -> None:
        self._calls = calls
        self._behaviour = behaviour
        self._clock = clock

    async def read(self, call: ListCall, read: PageRequest, arrived: list[Page]) -> Page:
        """Read a page, at its true place, and append it to `arrived`. Raises `Unavailable`."""
        response = await self._listing(call, read)
        now = self._clock()
        place = place_of(read, response, echoes=self._behaviour.echoes(now))
        if place is None:
            place = await self._placed(call, read, response)
        answered = to_page(read, place, response, self._behaviour.excess(call.name, now))
        self._learn(call, read, answered, now)
        arrived.append(answered.page)
        return answered.page

    async def _placed(
        self, call: ListCall, read: PageRequest, response: ListResponse
    ) -> PageRequest:
        """Return the place of a page that `meta` names otherwise; read the other one to decide."""
        stated = PageRequest(response.meta.page or 1, read.limit)
        call.note_drift()
        other = await self._listing(call, stated)
        if not {row.id for row in response.records if row}.isdisjoint(
            row.id for row in other.records if row
        ):
            raise bad_response("The API answered another page than the one requested.")
        self._behaviour.misplaced(self._clock())
        return read

    def _learn(self, call: ListCall, read: PageRequest, answered: ReadPage, now: float) -> None:
        if answered.drift:
            call.note_drift()
        place = answered.place
        if answered.excess is not None:
            self._behaviour.counted(call.name, answered.excess, now)
        if place.limit < read.limit:
            call.note_drift()
            self._behaviour.answered(None, place.limit, place.limit + 1, now)
            ahead = read.offset - place.offset
            if answered.end > place.offset and not 0 <= ahead < place.limit:
                # The answered page does not contain the first requested row.
                return
        elif place != read and len(answered.page.records) < min(
            read.limit, answered.page.total - read.offset
        ):
            raise bad_response("The API answered another page than the one requested.")

    async def _listing(self, call: ListCall, read: PageRequest) -> ListResponse:
        query = _query(call.where, read)
        response = await self._calls.read(call.operation, query, call.priority)
        if response.is_success:
            return parse_list(response)
        failure = parse_read_error(response, of_one=False)
        if response.status_code == _TOO_LARGE:
            raise failure from ResponseTooLarge("the page is too large")
        raise failure


@lru_cache(1024)
def _query(where: ClientFilter, read: PageRequest) -> str:
    """Build the query string (API page, List all clients: query parameters)."""
    pages = {"page": read.page, "limit": read.limit}
    filters = {"client_type": where.client_type, "status": where.status}
    return f"?{urlencode(pages | {name: value for name, value in filters.items() if value})}"
