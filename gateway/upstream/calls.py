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
from gateway.upstream.written import Address, Heading
from schema.failures import Failure
from schema.operation import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
        self._transport = beginning(transport)
        self._now = now
        self.lead = UNTOLD
        clients = f"{base_url.rstrip('/')}/clients"
        self._url = lru_cache(_URLS)(lambda path: Address(clients + path))
        self._writes: set[asyncio.Task[httpx.Response]] = set()

    async def read(self, operation: Operation, path: str, lane: Lane) -> httpx.Response:
        """The answer to a GET, of any status. Raises a `Failure` when there is none."""
        [begun] = self.begin(operation, [path], lane)
        return await self.end(begun)

    def begin(self, operation: Operation, paths: Iterable[str], lane: Lane) -> list[Begun]:
        """Send GETs, or have them stand in line; none of them if one cannot be made."""
        try:
            heading, terms = Heading(_ACCEPT, shown(operation.caller)), _terms(operation, lane)
            requests = [Asked("GET", self._url(path), heading, terms) for path in paths]
        except httpx.TransportError as error:
            raise trouble(error) from error
        return [
            Begun(request, self._transport.begin(request), self._now(), lane)
            for request in requests
        ]

    def ended(self, begun: Begun) -> httpx.Response | None:
        """What `end` would return, where that is here and needs no waiting."""
        response = self._transport.ended(begun.answer)
        if response is not None:
            self._compare(begun, response)
        return response

    async def end(self, begun: Begun) -> httpx.Response:
        """The answer to a GET that was begun, of any status. Raises a `Failure`."""
        try:
            await begun.answer
        except (httpx.TransportError, Failure):
            pass  # `end` tells it, or makes another attempt
        else:
            response = self.ended(begun)
            if response is not None:
                return response
        try:
            response = await self._transport.end(begun.request, begun.answer)
        except httpx.TransportError as error:
            raise trouble(error) from error
        self._compare(begun, response)
        return response

    async def write(
        self, operation: Operation, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> End:
        """Send a write, at most once, and see it through even when its caller leaves."""
        headers = [_ACCEPT, shown(operation.caller)]
        content = b""
        if body is not None:
            headers.append(_CONTENT_TYPE)
            content = orjson.dumps(body)
        terms = _terms(operation, Lane.WRITE)
        try:
            request = Asked(method, self._url(path), Heading(*headers), terms, content)
        except httpx.TransportError as end:
            return end
        sending = asyncio.ensure_future(self._transport.handle_async_request(request))
        self._writes.add(sending)
        sending.add_done_callback(self._over)
        try:
            return await asyncio.shield(sending)
        except (httpx.TransportError, Failure) as end:
            return end

    def _over(self, sending: asyncio.Task[httpx.Response]) -> None:
        """A write whose caller left ends unheard, and that is no error of ours."""
        self._writes.discard(sending)
        if not sending.cancelled():
            sending.exception()

    def _compare(self, begun: Begun, response: httpx.Response) -> None:
        """See how far the API's clock is ahead."""
        if begun.lane is Lane.WRITE:  # nothing else asks when something was written
            self.lead = lead_in(response.headers, begun.sent, self._now()) or self.lead


def _terms(operation: Operation, lane: Lane) -> dict[str, Terms]:
    caller = operation.caller
    terms = Terms(
        operation.deadline,
        lane,
        caller.partition,
        caller.hash,
        operation.receipt,
        operation.audience,
        operation.spending,
    )
    return {EXTENSION: terms}
