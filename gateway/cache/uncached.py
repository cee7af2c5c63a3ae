"""A source of clients without a cache: every read is a request."""

from collections.abc import Callable, Mapping, Sequence

from gateway.cache.policy.scan_price import MAX_CALLS, too_large
from gateway.cache.read.cached_page import page_of
from gateway.cache.read.derived import derive, page_of_rows
from gateway.cache.store.change_hints import ChangeKind
from gateway.cache.store.collection import HeldCollection
from gateway.cache.store.cursor_anchor import AnchoredWindow, with_anchors
from gateway.cache.store.entity import CachedRecord
from gateway.detached_tasks import DetachedTasks
from schema.source.cost import CostEstimate, EntitiesRequest, SourceRequest, WriteRequest
from schema.source.errors import ClientError, Unavailable
from schema.source.protocols import ClientReader, ClientWriter
from schema.source.records import (
    MAX_PAGE,
    ClientFilter,
    ClientId,
    ClientRecord,
    Fields,
    Page,
    Window,
)
from schema.source.request_context import Caller, Priority, RequestContext
from schema.source.search import SearchRequest


class UncachedClientSource:
    """A `ClientSource` that keeps nothing. A write continues after its caller leaves.

    Each write is one of `tasks`. `write_cost` returns its cost, `cap` the calls that one operation
    may cost.
    """

    def __init__(
        self,
        reader: ClientReader,
        writer: ClientWriter,
        *,
        write_cost: Callable[[WriteRequest], CostEstimate],
        tasks: DetachedTasks,
        cap: Callable[[], int] = lambda: MAX_CALLS,
    ) -> None:
        self._cap = cap
        self._reader = reader
        self._write_cost = write_cost
        self.page_cost = reader.page_cost
        self.fetch = reader.fetch
        self.create = tasks.detached(writer.create)
        self.update = tasks.detached(writer.update)
        self.delete = tasks.detached(writer.delete)

    def note_change(self, kind: ChangeKind, ids: frozenset[str]) -> None:
        """Ignore a change: nothing is kept."""

    @property
    def responses(self) -> None:
        """Return None: no response is stored."""

    def freshness(self) -> dict[str, object]:
        """Return nothing: nothing is fresh for longer."""
        return {}

    def watch(self, note: object) -> None:
        """Report no differences: nothing is kept to compare with."""

    def held(self, caller: Caller, id: ClientId) -> ClientRecord | None:
        """Return None: nothing is kept."""

    def may_see(self, caller: Caller, id: ClientId) -> bool:
        """Return True: nothing is kept."""
        del caller, id
        return True

    async def fetch_since(
        self, operation: RequestContext, since: Mapping[ClientId, float], fields: Fields
    ) -> Mapping[ClientId, ClientRecord | ClientError]:
        """Return each client as it is now, or its failure, unless no call may be made."""
        if operation.freshness.only_if_cached:
            raise Unavailable("Nothing is cached, and too little of the API's window is left.")
        found = await self.fetch(operation, list(since), fields, Priority.ENTITIES)
        return dict(zip(since, found, strict=True))

    async def read_page(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Page:
        """Return the rows of `window`, counted from where its cursors' rows are or were."""
        if window.between is None:
            return await self._reader.read_page(operation, where, window, fields, priority)
        nominal = AnchoredWindow(window.plain, window.between.nominal)
        wide = with_anchors(nominal, self.page_cost) or nominal.window
        page, covered, lost = page_of(
            await self._reader.read_page(operation, where, wide, fields, priority), window
        )
        operation.receipt.drift |= lost
        if not covered and page.window is not None:
            operation.receipt.drift = True
            again = await self._reader.read_page(operation, where, page.window, fields, priority)
            page = Page(
                again.offset, again.records, again.total, again.more, page.window, page.bounds
            )
        return page

    async def search(self, operation: RequestContext, request: SearchRequest) -> Page:
        """Read all clients that the API's filter lists, and answer from them."""
        where, fields, most = request.where, request.fields, MAX_PAGE
        page = await self._reader.read_page(operation, where, Window(0, most), fields)
        records = list(page.records)
        if len(records) < page.total:
            rest = Window(len(records), page.total - len(records))
            if self.page_cost(rest) > operation.call_budget.room:
                raise too_large(where, page.total, 1 + self.page_cost(rest), self._cap())
            records += (await self._reader.read_page(operation, where, rest, fields)).records
        held = HeldCollection((CachedRecord.of(record, 0) for record in records), 0, 1)
        derived = derive(held, request.question)
        return page_of_rows(derived, held, request.question, request.window, lambda _: None)[0]

    def rows_lack(self, fields: Fields) -> bool:
        """Return False: nothing is known about rows."""
        del fields
        return False

    def estimate(
        self, operation: RequestContext, needs: Sequence[SourceRequest]
    ) -> Sequence[CostEstimate]:
        """Return the cost of each of `needs`, provided that no call fails."""
        del operation
        return [self._cost(need) for need in needs]

    def _cost(self, need: SourceRequest) -> CostEstimate:
        """Return the cost of one request.

        The maximum includes one detail read for each row, because any field but `id` may be missing
        there, and a second read of a window whose cursors' rows have moved.
        """
        if isinstance(need, WriteRequest):
            return self._write_cost(need)
        if isinstance(need, EntitiesRequest):
            count = len(need.ids)
            return CostEstimate(count, count, count, count)
        if isinstance(need, SearchRequest):
            return CostEstimate(1, 1, self._cap(), 1)
        direct = self.page_cost(need.window)
        again = 0 if need.window.between is None else direct
        details = need.window.limit if need.fields - {"id"} else 0
        return CostEstimate(
            1 if need.window.from_end else direct, direct, direct + again + details, direct
        )
