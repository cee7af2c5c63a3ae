"""The Clients API as a source: each question put into calls, each answer read."""

from __future__ import annotations

import logging
import time
import uuid
from typing import TYPE_CHECKING

import httpx
from msgspec import UNSET

from gateway.upstream.api_error import api_error, succeeded
from gateway.upstream.attempt import Outcome, outcome_of
from gateway.upstream.begun import desert
from gateway.upstream.calls import Calls
from gateway.upstream.envelope import nonsense, record_in, trouble
from gateway.upstream.failures import failure_in, may_be_stale, refused, stale
from gateway.upstream.list_reads import ListQuestion, ListReads
from gateway.upstream.prices import static
from schema.failures import Failure, TooExpensive, Unavailable, Unconfirmed
from schema.operation import Lane
from schema.source import FIELDS, Confirmation, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.upstream.api_clock import Lead
    from gateway.upstream.attempt import End
    from gateway.upstream.calls import Begun
    from schema.needs import Need, Price
    from schema.operation import Operation
    from schema.source import (
        ClientFilter,
        ClientId,
        ClientPatch,
        ClientRecord,
        Fields,
        NewClient,
        Page,
        Window,
    )

_GONE = 410
_log = logging.getLogger(__name__)


class RestClients:
    """A `ClientSource` that remembers nothing: every question costs its calls.

    `transport` sends a request on its terms; `base_url` is the API's, with its version.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        base_url: str,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now`: our clock, in Unix seconds; `clock`: one that rises, in seconds."""
        self._calls = Calls(transport, base_url, now)
        self._lists = ListReads(self._calls, clock)

    @property
    def lead(self) -> Lead:
        """How far the API's clock is ahead of `now`, as far as it has told."""
        return self._calls.lead

    def price(self, window: Window) -> int:
        """Calls that reading `window` costs."""
        return self._lists.price(window)

    def prices(self, operation: Operation, needs: Sequence[Need]) -> Sequence[Price]:
        """What each of `needs` costs, remembered or not."""
        del operation
        return [static(need, self.price) for need in needs]

    def rows_lack(self, fields: Fields) -> bool:
        """Nothing is remembered of the rows that were seen."""
        del fields
        return False

    async def window(
        self,
        operation: Operation,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        lane: Lane = Lane.INTERACTIVE,
    ) -> Page:
        """The rows of `window`, and all that was read along the way."""
        del fields  # list rows carry what they carry: the graph completes them
        return await self._lists.window(ListQuestion(operation, where, lane), window)

    async def fetch(
        self, operation: Operation, ids: Sequence[ClientId], fields: Fields, lane: Lane
    ) -> Sequence[ClientRecord | Failure]:
        """One call for each id, together."""
        del fields  # a detail read carries all there is
        if not operation.spending.take_details(ids):
            limit = operation.spending.limit
            return [TooExpensive(0 if limit is None else limit.details)] * len(ids)
        try:
            begun = self._calls.begin(operation, [f"/{id}" for id in ids], lane)
        except Failure as failure:  # what cannot be said for one cannot for any
            return [failure] * len(ids)
        try:
            return [
                _told(id, answer)
                if (answer := self._calls.ended(call))
                else await self._end(id, call)
                for id, call in zip(ids, begun, strict=True)
            ]
        except BaseException:
            desert(call.answer for call in begun)
            raise

    async def _end(self, id: ClientId, call: Begun) -> ClientRecord | Failure:
        try:
            return _told(id, await self._calls.end(call))
        except Failure as failure:
            return failure

    async def create(self, operation: Operation, new: NewClient) -> Written:
        """POST, at most once."""
        optional = {"email": new.email, "phone": new.phone}
        body = {
            "first_name": new.first_name,
            "last_name": new.last_name,
            "client_type": new.client_type,
            **{name: value for name, value in optional.items() if value is not UNSET},
        }
        end = await self._calls.write(operation, "POST", "", body)
        return Written(_record(_answer(end, of_one=False)))

    async def update(self, operation: Operation, id: ClientId, patch: ClientPatch) -> Written:
        """PUT, at most once; a conflict carries the client as it now is."""
        version = patch.expected_version
        body = dict(patch.fields) | ({} if version is None else {"version": version})
        end = await self._calls.write(operation, "PUT", f"/{id}", body)
        if isinstance(end, httpx.Response) and may_be_stale(end, version):
            [current] = await self.fetch(operation, [id], FIELDS, Lane.WRITE)
            raise stale(end, version, None if isinstance(current, Failure) else current)
        record = _record(_answer(end))
        if record.id != id:
            raise _unconfirmed()
        return Written(record)

    async def delete(self, operation: Operation, id: ClientId) -> Confirmation:
        """DELETE, at most once. A client that is gone (410) is as deleted as can be."""
        end = await self._calls.write(operation, "DELETE", f"/{id}")
        gone = isinstance(end, httpx.Response) and end.status_code == _GONE and refused(end)
        if not gone:
            _answer(end)
        return Confirmation.ANSWER


def _told(id: ClientId, response: httpx.Response) -> ClientRecord | Failure:
    """What the answer to a detail read tells."""
    if not response.is_success:
        return failure_in(response)
    try:
        record = record_in(response, complete=True)
    except Failure as failure:
        return failure
    if record.id != id:
        return nonsense("The API answered with another client than the one asked for.")
    return record


def _answer(end: End, *, of_one: bool = True) -> httpx.Response:
    """The API's word that a write was done; a failure says what else is known of it."""
    if outcome_of(end) is Outcome.UNKNOWN:
        raise _unconfirmed(end) from (end if isinstance(end, Exception) else None)
    if isinstance(end, Failure):
        raise end
    if isinstance(end, httpx.TransportError):
        raise trouble(end) from end
    if not end.is_success:
        raise failure_in(end, of_one=of_one)
    return end


def _record(response: httpx.Response) -> ClientRecord:
    """The client as written, as far as the answer tells; one that cannot be read tells nothing."""
    try:
        return record_in(response, complete=False)
    except Unavailable:
        raise _unconfirmed(response) from None


def _unconfirmed(end: End | None = None) -> Unconfirmed:
    attempt_id = str(uuid.uuid4())
    if isinstance(end, httpx.Response):
        by = "the API" if api_error(end) or succeeded(end) else "something other than the API"
        _log.warning(
            "write %s was answered %d by %s, which does not say whether it happened",
            attempt_id,
            end.status_code,
            by,
        )
    else:
        _log.warning("write %s was sent and its answer was lost", attempt_id)
    return Unconfirmed(
        "The write was sent and its answer was lost: it may have happened."
        " Look before you send it again.",
        attempt_id=attempt_id,
    )
