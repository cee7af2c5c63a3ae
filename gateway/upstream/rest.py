"""The Clients API as a source: each question put into requests, each answer read."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import orjson
from msgspec import UNSET

from gateway.upstream.envelope import failure_in, nonsense, record_in, rows_in, succeeded
from gateway.upstream.outcome import never_sent
from gateway.upstream.pages import PageRead, plan
from gateway.upstream.terms import EXTENSION, Terms
from schema.failures import Conflict, Failure, Unavailable, Unconfirmed
from schema.operation import Lane
from schema.source import MAX_PAGE, Confirmation, Page, Window, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from schema.operation import Operation
    from schema.source import (
        ClientFilter,
        ClientId,
        ClientPatch,
        ClientRecord,
        Fields,
        NewClient,
    )


class RestClients:
    """A `ClientSource` that remembers nothing: every question costs its calls.

    `transport` sends a request on its terms; `base_url` is the API's, without a closing slash.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        base_url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._clients = f"{base_url}/clients"
        self._clock = clock
        self._writes: set[asyncio.Task[httpx.Response]] = set()

    def price(self, window: Window) -> int:
        """Calls that reading `window` costs; one more where its place must be found first."""
        if window.from_end:
            return 1 + len(plan(0, window.limit))
        return len(plan(window.offset, window.limit))

    async def window(
        self, operation: Operation, where: ClientFilter, window: Window, fields: Fields
    ) -> Page:
        """The rows of `window`, and all that was read along the way."""
        del fields  # list rows carry what they carry: the graph completes them
        if window.from_end:
            return await self._last(operation, where, window.limit)
        return await self._span(operation, where, window.offset, window.limit)

    async def _last(self, operation: Operation, where: ClientFilter, limit: int) -> Page:
        """The last rows; a small collection is read whole while finding out its size."""
        first = await self._span(operation, where, 0, MAX_PAGE)
        begin = max(0, first.total - limit)
        if first.total <= len(first.records) or limit == 0:
            return first
        return await self._span(operation, where, begin, first.total - begin)

    async def _span(
        self, operation: Operation, where: ClientFilter, offset: int, limit: int
    ) -> Page:
        reads = plan(offset, limit)
        pages = await asyncio.gather(*(self._page(operation, where, read) for read in reads))
        begin, total = reads[0].offset, pages[-1][1]
        seen: dict[str, ClientRecord] = {}
        for records, of in pages:
            operation.receipt.drift |= of != total
            for record in records:
                operation.receipt.drift |= record.id in seen
                seen.setdefault(record.id, record)
        return Page(begin, tuple(seen.values()), total)

    async def _page(
        self, operation: Operation, where: ClientFilter, read: PageRead
    ) -> tuple[list[ClientRecord], int]:
        query = f"?page={read.page}&limit={read.limit}"
        if where.client_type:
            query += f"&client_type={where.client_type}"
        if where.status:
            query += f"&status={where.status}"
        response = await self._read(operation, query, Lane.INTERACTIVE)
        records, meta, left_out = rows_in(response)
        if records and (meta.page, meta.limit) != read:
            raise nonsense("The API answered another page than the one asked for.")
        operation.receipt.drift |= left_out
        return records, meta.total

    async def fetch(
        self, operation: Operation, ids: Sequence[ClientId], fields: Fields, lane: Lane
    ) -> Sequence[ClientRecord | Failure]:
        """One call for each id, together."""
        del fields  # a detail read carries all there is
        return await asyncio.gather(*(self._one(operation, id, lane) for id in ids))

    async def _one(self, operation: Operation, id: ClientId, lane: Lane) -> ClientRecord | Failure:
        try:
            record = record_in(await self._read(operation, f"/{id}", lane), complete=True)
        except Failure as failure:
            return failure
        if record.id != id:
            return nonsense("The API answered with another client than the one asked for.")
        return record

    async def create(self, operation: Operation, new: NewClient) -> Written:
        """POST, at most once."""
        body = {
            "first_name": new.first_name,
            "last_name": new.last_name,
            "client_type": new.client_type,
            **{
                name: value
                for name, value in (("email", new.email), ("phone", new.phone))
                if value is not UNSET
            },
        }
        response = await self._write(operation, "POST", "", body)
        return Written(self._written(response))

    async def update(self, operation: Operation, id: ClientId, patch: ClientPatch) -> Written:
        """PUT, at most once; a conflict is told with the client as it now is."""
        version = patch.expected_version
        body = dict(patch.fields) | ({} if version is None else {"version": version})
        try:
            response = await self._write(operation, "PUT", f"/{id}", body, version)
        except Conflict as conflict:
            current = await self._one(operation, id, Lane.WRITE)
            if not isinstance(current, Failure):
                conflict.current = current
            raise
        return Written(self._written(response))

    async def delete(self, operation: Operation, id: ClientId) -> Confirmation:
        """DELETE, at most once."""
        await self._write(operation, "DELETE", f"/{id}", None)
        return Confirmation.ANSWER

    def _request(
        self, operation: Operation, method: str, path: str, lane: Lane, content: bytes | None
    ) -> httpx.Request:
        """Nothing of the caller's own request goes along but its credential."""
        caller = operation.caller
        headers = {"Accept": "application/json", caller.credential.header: caller.credential.value}
        if content is not None:
            headers["Content-Type"] = "application/json"
        terms = Terms(operation.deadline, lane, caller.partition, operation.receipt)
        return httpx.Request(
            method,
            self._clients + path,
            headers=headers,
            content=content,
            extensions={EXTENSION: terms},
        )

    async def _read(self, operation: Operation, path: str, lane: Lane) -> httpx.Response:
        request = self._request(operation, "GET", path, lane, None)
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            raise _unavailable(error) from error
        if not response.is_success:
            raise failure_in(response)
        return response

    async def _write(
        self,
        operation: Operation,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        version: int | None = None,
    ) -> httpx.Response:
        """Send a write and see it through even when its caller leaves."""
        content = None if body is None else orjson.dumps(body)
        request = self._request(operation, method, path, Lane.WRITE, content)
        sending = asyncio.ensure_future(self._transport.handle_async_request(request))
        self._writes.add(sending)
        sending.add_done_callback(self._writes.discard)
        try:
            response = await asyncio.shield(sending)
        except httpx.TransportError as error:
            if never_sent(error):
                raise _unavailable(error) from error
            raise _unconfirmed() from error
        if response.status_code >= 500 or (response.is_success and not succeeded(response)):  # noqa: PLR2004
            raise _unconfirmed()
        if not response.is_success:
            raise failure_in(response, expected_version=version)
        return response

    def _written(self, response: httpx.Response) -> ClientRecord:
        try:
            return record_in(response, complete=False)
        except Unavailable:
            raise _unconfirmed() from None


def _unavailable(error: httpx.TransportError) -> Unavailable:
    if isinstance(error, httpx.TimeoutException):
        return Unavailable("The API did not answer in time.", code="UPSTREAM_TIMEOUT")
    if isinstance(error, httpx.ProtocolError):
        return nonsense()
    return Unavailable("The API cannot be reached.")


def _unconfirmed() -> Unconfirmed:
    return Unconfirmed(
        "The write was sent and its answer was lost: it may have happened."
        " Look before you send it again.",
        attempt_id=str(uuid.uuid4()),
    )
