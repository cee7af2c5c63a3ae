"""Clients over the Clients API: makes the calls and decodes the responses."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence

from gateway.api.client import ApiClient, PendingRequest
from gateway.api.decoding import bad_response, parse_record, transport_failure
from gateway.api.error_envelope import api_error, succeeded
from gateway.api.failures import may_be_stale, parse_error, parse_read_error, refused, stale
from gateway.api.lists.reader import ListSource
from gateway.api.retry import RetryPolicy
from gateway.api.write_outcome import SendResult, WriteOutcome, classify
from gateway.transport.errors import TransportError
from gateway.transport.messages import Response
from gateway.transport.transport import Transport
from schema.source.errors import ClientError, TooExpensive, Unavailable, WriteUnconfirmed
from schema.source.records import FIELDS, ClientId, ClientRecord, Fields
from schema.source.request_context import Priority, RequestContext
from schema.source.writes import ClientPatch, ClockSkew, Confirmation, NewClient, WriteResult

_GONE = 410
_MAX_CLIENTS = 20_000
"""Clients remembered; the ones seen first are forgotten first."""
_log = logging.getLogger(__name__)


class FirstSeen:
    """When each client was first read: a create that began later made none of them.

    `now` returns Unix seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._times: dict[str, float] = {}

    def note(self, records: Iterable[ClientRecord]) -> None:
        """Note that these clients exist now."""
        now, times = self._now(), self._times
        for record in records:
            if record.id not in times:
                times[record.id] = now
        while len(times) > _MAX_CLIENTS:
            del times[next(iter(times))]

    def before(self, time: float) -> set[str]:
        """Return the ids of the clients that were read before `time`, in Unix seconds."""
        return {id for id, at in self._times.items() if at < time}


class RestClientSource:
    """Reads and writes clients without a cache: every read costs its calls.

    `transport` sends each request in its call context; `base_url` is the API's URL with version.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        retries: RetryPolicy | None = None,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now`: the wall clock, in Unix seconds; `clock`: a monotonic clock, in seconds."""
        self._calls = ApiClient(transport, base_url, now, retries)
        self._seen = FirstSeen(now)
        self.seen_before = self._seen.before
        lists = ListSource(self._calls, self._seen.note, clock)
        self.read_page, self.page_cost = lists.read_page, lists.page_cost

    @property
    def lead(self) -> ClockSkew:
        """How far the API's clock is ahead of `now`, as last measured."""
        return self._calls.lead

    async def fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, priority: Priority
    ) -> Sequence[ClientRecord | ClientError]:
        """Read each client by one detail call, all of them concurrently."""
        del fields  # a detail read returns every field
        if not operation.call_budget.take_details(ids):
            limit = operation.call_budget.limit
            return [TooExpensive(0 if limit is None else limit.details)] * len(ids)
        try:
            pending = self._calls.begin(operation, [f"/{id}" for id in ids], priority)
        except ClientError as failure:  # a request that cannot be built fails every id
            return [failure] * len(ids)
        try:
            answers = [await self._end(id, each) for id, each in zip(ids, pending, strict=True)]
        except BaseException:
            for each in pending:  # those not sent yet are cancelled, the others are ignored
                if not each.response.cancel() and not each.response.cancelled():
                    each.response.exception()
            raise
        self._seen.note(answer for answer in answers if not isinstance(answer, ClientError))
        return answers

    async def _end(self, id: ClientId, pending: PendingRequest) -> ClientRecord | ClientError:
        """Return the record in the response to a detail read, or its error."""
        try:
            response = await self._calls.end(pending)
            if not response.is_success:
                return parse_read_error(response)
            record = parse_record(response, complete=True)
        except ClientError as failure:
            return failure
        if record.id != id:
            return bad_response("The API answered with another client than the requested one.")
        return record

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Send the POST at most once."""
        end = await self._calls.write(operation, "POST", "", new.fields)
        return WriteResult(_record(_answer(end, of_one=False)))

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Send the PUT at most once; a conflict error carries the client's current state."""
        version = patch.expected_version
        body = dict(patch.fields) | ({} if version is None else {"version": version})
        end = await self._calls.write(operation, "PUT", f"/{id}", body)
        if isinstance(end, Response) and may_be_stale(end, version):
            [current] = await self.fetch(operation, [id], FIELDS, Priority.WRITE)
            raise stale(end, version, None if isinstance(current, ClientError) else current)
        record = _record(_answer(end))
        if record.id != id:
            raise _unconfirmed()
        return WriteResult(record)

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Send the DELETE at most once. A client that is gone (410) counts as deleted."""
        end = await self._calls.write(operation, "DELETE", f"/{id}")
        gone = isinstance(end, Response) and end.status_code == _GONE and refused(end)
        if not gone:
            _answer(end)
        return Confirmation.ANSWER


def _answer(end: SendResult, *, of_one: bool = True) -> Response:
    """Return the API's confirmation of a write; raise the error for any other outcome."""
    if classify(end) is WriteOutcome.UNKNOWN:
        raise _unconfirmed(end) from (end if isinstance(end, Exception) else None)
    if isinstance(end, ClientError):
        raise end
    if isinstance(end, TransportError):
        raise transport_failure(end) from end
    if not end.is_success:
        raise parse_error(end, of_one=of_one)
    return end


def _record(response: Response) -> ClientRecord:
    """Decode the client as written. Raises `WriteUnconfirmed` if the response is unreadable."""
    try:
        return parse_record(response, complete=False)
    except Unavailable:
        raise _unconfirmed(response) from None


def _unconfirmed(end: SendResult | None = None) -> WriteUnconfirmed:
    attempt_id = str(uuid.uuid4())
    if isinstance(end, Response):
        by = "the API" if api_error(end) or succeeded(end) else "something other than the API"
        _log.warning(
            "write %s was answered %d by %s, which does not say whether it happened",
            attempt_id,
            end.status_code,
            by,
        )
    else:
        _log.warning("write %s was sent and its answer was lost", attempt_id)
    return WriteUnconfirmed(
        "The write was sent and its answer was lost: it may have happened."
        " Read the client before you send it again.",
        attempt_id=attempt_id,
    )
