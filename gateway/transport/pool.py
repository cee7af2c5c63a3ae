"""The bottom transport: one HTTP request on the wire, under limits, and the truth about its end.

It lives in our own event loop, over llhttp: a client in another thread (pyreqwest, which it
took the place of) spends most of a call's CPU on crossing over. docs/performance.md has numbers.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from typing import TYPE_CHECKING

import httpx

from gateway.call_context import context_of
from gateway.transport.connection import HTTPConnection
from gateway.transport.connector import Connector
from gateway.transport.errors import CertificateError
from gateway.transport.parser import ResponseParser
from gateway.transport.serializer import RequestTarget, serialize
from gateway.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.transport.serializer import Origin


class ConnectionPool(Transport):
    """Sends a request once and reads the whole answer, or tells what became of the request.

    Raises `httpx.ConnectError`, `ConnectTimeout` or `PoolTimeout` when no byte of the request
    left us (see `outcome.never_sent`); any other `httpx.TransportError` when it may have.
    Redirects come back as answers; proxies of the environment, cookies and compression are
    not used. Bodies arrive as sent: a `Content-Encoding` nobody asked for is dropped unread.
    A caller that is cancelled leaves, its request flies on to its own end.
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
        self._connect_seconds = connect_seconds
        self._body_bytes = body_bytes
        self._head_bytes = head_bytes
        self._clock = clock
        self._connector = Connector()
        self._idle: dict[Origin, list[HTTPConnection]] = {}
        """Connections that may be asked again; the last one used is the first to be."""
        self._open: set[HTTPConnection] = set()
        self._in_flight: set[asyncio.Future[httpx.Response]] = set()
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Requests on the wire now, those nobody waits for any more included."""
        return len(self._in_flight)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` once, within its terms' deadline and our own limits."""
        return await asyncio.shield(self.send(request))

    def send(self, request: httpx.Request) -> asyncio.Future[httpx.Response]:
        """The same, without waiting. The future is for whoever never cancels it."""
        loop = asyncio.get_running_loop()
        try:
            flight = self._start(request, loop)
        except httpx.TransportError as error:
            flight = loop.create_future()
            flight.set_exception(error)
        else:
            self._in_flight.add(flight)
        return flight

    async def aclose(self) -> None:
        """Let the requests on the wire end, each within its own time, then close."""
        self._closed = True
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=self._attempt_seconds + 1)
        for connection in self._open:
            connection.abort()
        if self._open:
            await asyncio.wait([connection.closed for connection in self._open], timeout=1)

    def _start(
        self, request: httpx.Request, loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[httpx.Response]:
        if self._closed or len(self._in_flight) >= self._most:
            raise httpx.PoolTimeout("no connection is free", request=request)
        seconds = min(self._attempt_seconds, context_of(request).deadline - self._clock())
        if seconds <= 0:
            raise httpx.ConnectTimeout("the deadline passed before sending", request=request)
        due = loop.time() + seconds
        address = (
            request.url if isinstance(request.url, RequestTarget) else RequestTarget(request.url)
        )
        outgoing = serialize(request, address)
        connection = self._take_idle(address.origin)
        if connection is not None:
            return connection.send(request, outgoing, due)
        first = loop.create_task(self._send_on_new(request, address.origin, outgoing, due))
        first.add_done_callback(self._in_flight.discard)
        return first

    async def _send_on_new(
        self, request: httpx.Request, origin: Origin, outgoing: bytes, due: float
    ) -> httpx.Response:
        """The first request on a new connection."""
        connection = await self._connected(request, origin, due)
        return await connection.send(request, outgoing, due)

    def _take_idle(self, origin: Origin) -> HTTPConnection | None:
        resting = self._idle.get(origin)
        while resting:
            connection = resting.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _connected(
        self, request: httpx.Request, origin: Origin, due: float
    ) -> HTTPConnection:
        """A new connection. Raises what means that the request was never sent."""
        resting = self._idle.setdefault(origin, [])
        left = due - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._connect_seconds, left)):
                connection = await self._connector(
                    origin,
                    lambda: HTTPConnection(
                        ResponseParser(self._head_bytes, self._body_bytes),
                        resting.append,
                        self._in_flight.discard,
                    ),
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time", request=request) from error
        except ssl.SSLCertVerificationError as error:
            reason = f"its certificate is not trusted: {error.verify_message}"
            raise CertificateError(reason, request=request) from error
        except (OSError, ValueError) as error:
            raise httpx.ConnectError(_reason(error, origin.host), request=request) from error
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._lost(connection, resting))
        if not connection.usable:
            connection.abort()
            raise httpx.ConnectError("the connection was closed at once", request=request)
        return connection

    def _lost(self, connection: HTTPConnection, resting: list[HTTPConnection]) -> None:
        self._open.discard(connection)
        if connection in resting:
            resting.remove(connection)


def _reason(error: OSError | ValueError, host: str) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name {host} does not resolve"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or type(error).__name__}"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number and number > 0 else type(error).__name__
