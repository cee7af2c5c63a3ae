"""The HTTP/1.1 connection pool: sends one request under limits and reports its exact outcome.

It runs in the gateway's event loop, over llhttp. Its predecessor, pyreqwest, runs in another thread
and spends most of a call's CPU time on the crossing. docs/performance.md has the numbers.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from gateway.transport.connection import HTTPConnection
from gateway.transport.connector import Connector, connect_error
from gateway.transport.errors import (
    ConnectError,
    ConnectTimeout,
    PoolTimeout,
    TransportError,
)
from gateway.transport.parser import ResponseParser
from gateway.transport.serializer import serialize
from gateway.transport.transport import Transport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from gateway.transport.messages import Request, Response
    from gateway.transport.serializer import Origin


class ConnectionPool(Transport):
    """A transport that sends each request once and reads the complete response.

    Redirects are returned as responses. Proxies of the environment, cookies and compression are not
    used. Bodies are returned as sent: a `Content-Encoding` header is removed, and the body is not
    decoded.
    """

    def __init__(  # noqa: PLR0913 -- every limit by its name
        self,
        *,
        max_in_flight: int = 40,
        attempt_seconds: float = 3.0,
        connect_seconds: float = 1.0,
        body_bytes: int = 5 * 1024 * 1024,
        head_bytes: int = 64 * 1024,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the limits; times are in seconds.

        `max_in_flight`: concurrent requests, including those of cancelled callers; more are
        refused. `ssl_context`: by default that of `create_ssl_context`.
        """
        self._max_in_flight = max_in_flight
        self._attempt_seconds = attempt_seconds
        self._connect_seconds = connect_seconds
        self._body_bytes = body_bytes
        self._head_bytes = head_bytes
        self._clock = clock
        self._connector = Connector(ssl_context)
        self._idle: dict[Origin, list[HTTPConnection]] = {}
        """Reusable connections; the last one used is taken first."""
        self._open: set[HTTPConnection] = set()
        self._in_flight: set[asyncio.Future[Response]] = set()
        self._closed = False

    @property
    def in_flight(self) -> int:
        """The number of requests in flight, including those of cancelled callers."""
        return len(self._in_flight)

    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Send `request` once, without waiting; the caller must not cancel the future."""
        loop = asyncio.get_running_loop()
        try:
            response = self._start(request, loop)
        except TransportError as error:
            response = loop.create_future()
            response.set_exception(error)
        else:
            self._in_flight.add(response)
        return response

    async def aclose(self) -> None:
        """Wait for the requests in flight, each within its own limit, then close."""
        self._closed = True
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=self._attempt_seconds + 1)
        for connection in self._open:
            connection.abort()
        if self._open:
            await asyncio.wait([connection.closed for connection in self._open], timeout=1)

    def _start(
        self, request: Request[Any], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[Response]:
        if self._closed or len(self._in_flight) >= self._max_in_flight:
            raise PoolTimeout("no connection is free")
        seconds = min(self._attempt_seconds, request.deadline - self._clock())
        if seconds <= 0:
            raise ConnectTimeout("the deadline passed before sending")
        deadline = loop.time() + seconds
        method, target = request.method, request.target
        outgoing = serialize(method, target, request.headers, request.content)
        connection = self._take_idle(target.origin)
        if connection is not None:
            return connection.send(method, outgoing, deadline)
        task = loop.create_task(self._send_on_new(method, target.origin, outgoing, deadline))
        task.add_done_callback(self._in_flight.discard)
        return task

    async def _send_on_new(
        self, method: str, origin: Origin, outgoing: bytes, deadline: float
    ) -> Response:
        """Send the first request of a new connection."""
        connection = await self._connect(origin, deadline)
        return await connection.send(method, outgoing, deadline)

    def _take_idle(self, origin: Origin) -> HTTPConnection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: Origin, deadline: float) -> HTTPConnection:
        """Open a connection. Raises an error that means that the request was never sent."""
        idle = self._idle.setdefault(origin, [])
        left = deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._connect_seconds, left)):
                connection = await self._connector(
                    origin,
                    lambda: HTTPConnection(
                        ResponseParser(self._head_bytes, self._body_bytes),
                        idle.append,
                        self._in_flight.discard,
                    ),
                )
        except TimeoutError as error:
            raise ConnectTimeout("no connection in time") from error
        except (OSError, ValueError) as error:
            raise connect_error(error, origin.host) from error
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._forget(connection, idle))
        if not connection.usable:
            connection.abort()
            raise ConnectError("the connection was closed at once")
        return connection

    def _forget(self, connection: HTTPConnection, idle: list[HTTPConnection]) -> None:
        self._open.discard(connection)
        if connection in idle:
            idle.remove(connection)
