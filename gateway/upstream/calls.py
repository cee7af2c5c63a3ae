"""One call of the API: what is sent, for whom, and how it ended."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import orjson

from gateway.upstream.api_clock import UNTOLD, lead_in
from gateway.upstream.begun import beginning
from gateway.upstream.credentials import shown
from gateway.upstream.envelope import trouble
from gateway.upstream.terms import EXTENSION, Terms
from gateway.upstream.whole import Asked
from gateway.upstream.written import Address
from schema.failures import Failure
from schema.operation import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.upstream.attempt import End
    from schema.operation import Operation

_ACCEPT = (b"Accept", b"application/json")
_CONTENT_TYPE = (b"Content-Type", b"application/json")
_URLS = 1024
"""Addresses kept parsed."""


class Begun(NamedTuple):
    """A GET on its way."""

    request: httpx.Request
    answer: asyncio.Future[httpx.Response]
    sent: float
    """When it was sent, in Unix seconds."""
    lane: Lane


class Calls:
    """Sends requests about clients through `transport`, on an operation's terms."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport, base_url: str, now: Callable[[], float]
    ) -> None:
        """`now`: our clock, in Unix seconds, which the API's is compared with."""
        self._transport = transport
        self._begin = beginning(transport)
        self._end = getattr(transport, "end", None) or _end
        self._now = now
        self.lead = UNTOLD
        clients = f"{base_url.rstrip('/')}/clients"
        self._url = lru_cache(_URLS)(lambda path: Address(clients + path))
        self._writes: set[asyncio.Task[httpx.Response]] = set()

    async def read(self, operation: Operation, path: str, lane: Lane) -> httpx.Response:
        """The answer to a GET, of any status. Raises a `Failure` when there is none."""
        return await self.end(self.begin(operation, path, lane))

    def begin(self, operation: Operation, path: str, lane: Lane) -> Begun:
        """Send a GET, or have it stand in line."""
        try:
            request = self._request(operation, "GET", path, lane)
        except httpx.TransportError as error:
            raise trouble(error) from error
        return Begun(request, self._begin(request), self._now(), lane)

    async def end(self, begun: Begun) -> httpx.Response:
        """The answer to a GET that was begun, of any status. Raises a `Failure`."""
        try:
            response = await self._end(begun.request, begun.answer)
        except httpx.TransportError as error:
            raise trouble(error) from error
        if begun.lane is Lane.WRITE:  # nothing else asks when something was written
            self.lead = lead_in(response.headers, begun.sent, self._now()) or self.lead
        return response

    async def write(
        self, operation: Operation, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> End:
        """Send a write, at most once, and see it through even when its caller leaves."""
        try:
            request = self._request(operation, method, path, Lane.WRITE, body)
        except httpx.TransportError as end:
            return end
        sending = asyncio.ensure_future(self._transport.handle_async_request(request))
        self._writes.add(sending)
        sending.add_done_callback(self._ended)
        try:
            return await asyncio.shield(sending)
        except (httpx.TransportError, Failure) as end:
            return end

    def _ended(self, sending: asyncio.Task[httpx.Response]) -> None:
        """A write whose caller left ends unheard, and that is no error of ours."""
        self._writes.discard(sending)
        if not sending.cancelled():
            sending.exception()

    def _request(
        self,
        operation: Operation,
        method: str,
        path: str,
        lane: Lane,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Request:
        caller = operation.caller
        terms = Terms(
            operation.deadline,
            lane,
            caller.partition,
            caller.hash,
            operation.receipt,
            operation.audience,
        )
        headers = [_ACCEPT, shown(caller)]
        content = b""
        if body is not None:
            headers.append(_CONTENT_TYPE)
            content = orjson.dumps(body)
        return Asked(method, self._url(path), headers, {EXTENSION: terms}, content)


async def _end(_: httpx.Request, answer: asyncio.Future[httpx.Response]) -> httpx.Response:
    return await answer
