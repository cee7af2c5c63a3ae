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

from gateway.upstream.answers import Answers
from gateway.upstream.begun import Transport
from gateway.upstream.connection import Connection
from gateway.upstream.dial import Dial
from gateway.upstream.outcome import Untrusted
from gateway.upstream.terms import terms_of
from gateway.upstream.written import Address, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.upstream.written import Origin


class Wire(Transport):
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
        self._dial = Dial()
        self._resting: dict[Origin, list[Connection]] = {}
        """Connections that may be asked again; the last one used is the first to be."""
        self._standing: set[Connection] = set()
        self._flights: set[asyncio.Future[httpx.Response]] = set()
        self._closed = False

    @property
    def flying(self) -> int:
        """Requests on the wire now, those nobody waits for any more included."""
        return len(self._flights)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` once, within its terms' deadline and our own limits."""
        return await asyncio.shield(self.begin(request))

    def begin(self, request: httpx.Request) -> asyncio.Future[httpx.Response]:
        """The same, without waiting. The future is for whoever never cancels it."""
        loop = asyncio.get_running_loop()
        try:
            flight = self._fly(request, loop)
        except httpx.TransportError as error:
            flight = loop.create_future()
            flight.set_exception(error)
        else:
            self._flights.add(flight)
        return flight

    async def aclose(self) -> None:
        """Let the requests on the wire end, each within its own time, then close."""
        self._closed = True
        if self._flights:
            await asyncio.wait(self._flights, timeout=self._attempt_seconds + 1)
        for connection in self._standing:
            connection.drop()
        if self._standing:
            await asyncio.wait([connection.lost for connection in self._standing], timeout=1)

    def _fly(
        self, request: httpx.Request, loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[httpx.Response]:
        if self._closed or len(self._flights) >= self._most:
            raise httpx.PoolTimeout("no connection is free", request=request)
        seconds = min(self._attempt_seconds, terms_of(request).deadline - self._clock())
        if seconds <= 0:
            raise httpx.ConnectTimeout("the deadline passed before sending", request=request)
        due = loop.time() + seconds
        address = request.url if isinstance(request.url, Address) else Address(request.url)
        outgoing = written(request, address)
        connection = self._rested(address.origin)
        if connection is not None:
            return connection.ask(request, outgoing, due)
        first = loop.create_task(self._first(request, address.origin, outgoing, due))
        first.add_done_callback(self._flights.discard)
        return first

    async def _first(
        self, request: httpx.Request, origin: Origin, outgoing: bytes, due: float
    ) -> httpx.Response:
        """The first request on a new connection."""
        connection = await self._connected(request, origin, due)
        return await connection.ask(request, outgoing, due)

    def _rested(self, origin: Origin) -> Connection | None:
        resting = self._resting.get(origin)
        while resting:
            connection = resting.pop()
            if connection.usable:
                return connection
            connection.drop()
        return None

    async def _connected(self, request: httpx.Request, origin: Origin, due: float) -> Connection:
        """A new connection. Raises what means that the request was never sent."""
        resting = self._resting.setdefault(origin, [])
        left = due - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._connect_seconds, left)):
                connection = await self._dial(
                    origin,
                    lambda: Connection(
                        Answers(self._head_bytes, self._body_bytes),
                        resting.append,
                        self._flights.discard,
                    ),
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time", request=request) from error
        except ssl.SSLCertVerificationError as error:
            reason = f"its certificate is not trusted: {error.verify_message}"
            raise Untrusted(reason, request=request) from error
        except (OSError, ValueError) as error:
            raise httpx.ConnectError(_reason(error, origin.host), request=request) from error
        self._standing.add(connection)
        connection.lost.add_done_callback(lambda _: self._lost(connection, resting))
        if not connection.usable:
            connection.drop()
            raise httpx.ConnectError("the connection was closed at once", request=request)
        return connection

    def _lost(self, connection: Connection, resting: list[Connection]) -> None:
        self._standing.discard(connection)
        if connection in resting:
            resting.remove(connection)


def _reason(error: OSError | ValueError, host: str) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name {host} does not resolve"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or type(error).__name__}"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number and number > 0 else type(error).__name__
