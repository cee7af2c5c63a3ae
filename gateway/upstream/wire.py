"""The bottom transport: one HTTP request on the wire, under limits, and the truth about its end.

pyreqwest was chosen by measurement (17 kB page, loopback, one core, requests a second at 16 in
flight; with uvloop): pyreqwest 12,000 (28,000), aiohttp 14,000 (14,000), httpx 1,100. aiohttp
also sends idempotent requests again by itself when a kept connection drops; pyreqwest does not.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import httpx
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    DecodeError,
    PyreqwestError,
    RequestTimeoutError,
)

from gateway.upstream.outcome import TooLarge, Unsendable, Untrusted
from gateway.upstream.terms import SEEN_THROUGH, terms_of
from gateway.upstream.whole import Whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyreqwest.request import StreamRequest
    from pyreqwest.response import Response

CONNECTING = "client error (Connect)"
"""How hyper names, among an error's causes, a connection that never stood.

pyreqwest's own classes do not tell: a connection dropped after the request was written is a
`ConnectError` too, and a slow answer a `ConnectTimeoutError`. Were this wording to change,
every failure would count as maybe sent, and tests say so.
"""
CERTIFICATE = "invalid peer certificate"


class Wire(httpx.AsyncBaseTransport):
    """Sends a request once and reads the whole answer, or tells what became of the request.

    Raises `httpx.ConnectError`, `ConnectTimeout` or `PoolTimeout` when no byte of the request
    left us (see `outcome.never_sent`); any other `httpx.TransportError` when it may have.
    Redirects come back as answers; proxies of the environment, cookies and compression are
    not used. Bodies arrive as sent: a `Content-Encoding` nobody asked for is dropped unread.
    A caller that is cancelled leaves, its request flies on to its own end: in a task of its own,
    unless the caller says (`SEEN_THROUGH`) that its task is never cancelled.
    """

    def __init__(  # noqa: PLR0913 -- every limit by its name
        self,
        *,
        flights: int = 40,
        attempt_seconds: float = 3.0,
        connect_seconds: float = 1.0,
        body_bytes: int = 5 * 1024 * 1024,
        head_bytes: int = 64 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`flights`: requests on the wire at once, deserted ones included; more are refused."""
        self._most = flights
        self._attempt_seconds = attempt_seconds
        self._body_bytes = body_bytes
        self._head_bytes = head_bytes
        self._clock = clock
        self._client = _client(connect_seconds, flights)
        self._flights: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def flying(self) -> int:
        """Requests on the wire now, those nobody waits for any more included."""
        return len(self._flights)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` once, within its terms' deadline and our own limits."""
        if self._closed or len(self._flights) >= self._most:
            raise httpx.PoolTimeout("no connection is free", request=request)
        seconds = min(self._attempt_seconds, terms_of(request).deadline - self._clock())
        if seconds <= 0:
            raise httpx.ConnectTimeout("the deadline passed before sending", request=request)
        # Cancelling a call on a pooled connection is how pools are lost: only the waiter goes.
        flight = asyncio.current_task() if request.extensions.get(SEEN_THROUGH) else None
        if flight is None:
            flight = asyncio.create_task(self._fly(request, seconds))
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)
            return cast("httpx.Response", await asyncio.shield(flight))
        self._flights.add(flight)
        try:
            return await self._fly(request, seconds)
        finally:
            self._flights.discard(flight)

    async def aclose(self) -> None:
        """Let the requests on the wire end, each within its own time, then close."""
        self._closed = True
        if self._flights:
            await asyncio.wait(self._flights, timeout=self._attempt_seconds + 1)
        await self._client.close()

    async def _fly(self, request: httpx.Request, seconds: float) -> httpx.Response:
        outgoing = self._outgoing(request, seconds)
        try:
            async with outgoing as response:
                headers = self._headers(response)
                content = await self._body(response)
        except PyreqwestError as error:
            raise _translated(error, request) from error
        return Whole(response.status, headers, content, request)

    def _outgoing(self, request: httpx.Request, seconds: float) -> StreamRequest:
        headers = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name != "accept-encoding"
        ]
        headers.append(("accept-encoding", "identity"))
        try:
            outgoing = (
                self._client.request(request.method, str(request.url))
                .headers(headers)
                .timeout(timedelta(seconds=seconds))
                .streamed_read_buffer_limit(0)  # headers are judged before any body is read
            )
            if request.content:
                outgoing = outgoing.body_bytes(request.content)
            return outgoing.build_streamed()
        except (ValueError, PyreqwestError) as error:
            # Not the cause itself: it quotes the header it dislikes, which may be the credential.
            raise Unsendable(type(error).__name__, request=request) from None

    def _headers(self, response: Response) -> list[tuple[bytes, bytes]]:
        try:
            headers = list(response.headers.items())
        except ValueError:
            headers = _readable(response)
        if sum(len(name) + len(value) for name, value in headers) > self._head_bytes:
            raise TooLarge("the answer's headers are too large")
        return [
            (name.encode(), value.encode()) for name, value in headers if name != "content-encoding"
        ]

    async def _body(self, response: Response) -> bytes:
        declared = response.get_header("content-length")
        if declared is not None and response.get_header("transfer-encoding") is None:
            if int(declared) > self._body_bytes:
                raise TooLarge("the answer's body is too large")
            return (await response.bytes()).to_bytes()
        read = bytearray()
        while (chunk := await response.body_reader.read_chunk()) is not None:
            read += chunk
            if len(read) > self._body_bytes:
                raise TooLarge("the answer's body is too large")
        return bytes(read)


def _client(connect_seconds: float, idle: int) -> Client:
    return (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(enable=False)
        .referer(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .default_cookie_store(enable=False)
        .http1_only()
        .connect_timeout(timedelta(seconds=connect_seconds))
        .pool_max_idle_per_host(idle)
        .pool_idle_timeout(timedelta(seconds=30))
        .user_agent("clients-gateway")
        .build()
    )


def _readable(response: Response) -> list[tuple[str, str]]:
    """The headers whose values are text; one that is not must not hide the others."""
    headers = []
    for name in dict.fromkeys(response.headers.keys()):
        try:
            headers += [(name, value) for value in response.get_header_all(name)]
        except ValueError:
            continue
    return headers


def _translated(error: PyreqwestError, request: httpx.Request) -> httpx.TransportError:
    causes = [cause["message"] for cause in getattr(error, "details", {}).get("causes", ())]
    reason = causes[-1] if causes else type(error).__name__
    timed_out = isinstance(error, RequestTimeoutError)
    if isinstance(error, BuilderError):
        return Unsendable(reason, request=request)
    if CONNECTING in causes:
        if any(cause.startswith(CERTIFICATE) for cause in causes):
            return Untrusted(reason, request=request)
        never = httpx.ConnectTimeout if timed_out else httpx.ConnectError
        return never(reason, request=request)
    if timed_out:
        return httpx.ReadTimeout(reason, request=request)
    if isinstance(error, DecodeError):
        return httpx.RemoteProtocolError(reason, request=request)
    return httpx.ReadError(reason, request=request)
