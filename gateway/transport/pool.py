"""The HTTP/1.1 connection pool: sends one request under limits and reports its exact outcome.

It runs in the gateway's event loop, over llhttp. Its predecessor, pyreqwest, runs in another thread
and spends most of a call's CPU time on the crossing. docs/performance.md has the numbers.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

from gateway.transport.connection import HTTPConnection
from gateway.transport.connector import Connector, connect_error
from gateway.transport.errors import ConnectError, ConnectTimeout
from gateway.transport.messages import Request, Response
from gateway.transport.parser import ResponseParser
from gateway.transport.serializer import Origin, serialize
from gateway.transport.transport import DEFAULT_LIMITS, LimitedTransport, TransportLimits


class ConnectionPool(LimitedTransport):
    """A transport that sends each request once and reads the complete response.

    Redirects are returned as responses. Proxies of the environment, cookies and compression are not
    used. Bodies are returned as sent: a `Content-Encoding` header is removed, and the body is not
    decoded.
    """

    def __init__(
        self,
        limits: TransportLimits = DEFAULT_LIMITS,
        *,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ssl_context`: by default that of `create_ssl_context`."""
        super().__init__(limits, clock)
        self._connector = Connector(ssl_context)
        self._idle: dict[Origin, list[HTTPConnection]] = {}
        """Reusable connections; the last one used is taken first."""
        self._open: set[HTTPConnection] = set()

    async def aclose(self) -> None:
        """Wait for the requests in flight, each within its own limit, then close."""
        await super().aclose()
        for connection in self._open:
            connection.abort()
        if self._open:
            await asyncio.wait([connection.closed for connection in self._open], timeout=1)

    def _start(self, request: Request[Any], seconds: float) -> asyncio.Future[Response]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        method, target = request.method, request.target
        outgoing = serialize(method, target, request.headers, request.content)
        connection = self._take_idle(target.origin)
        if connection is not None:
            return connection.send(method, outgoing, deadline)
        task = loop.create_task(self._send_on_new(method, target.origin, outgoing, deadline))
        task.add_done_callback(self._in_flight.discard)
        return task

    def _take_idle(self, origin: Origin) -> HTTPConnection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _send_on_new(
        self, method: str, origin: Origin, outgoing: bytes, deadline: float
    ) -> Response:
        """Open a connection and send its first request; an error to open it is a `NeverSent`."""
        idle = self._idle.setdefault(origin, [])
        left = deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._limits.connect_seconds, left)):
                connection = await self._connector(
                    origin,
                    lambda: HTTPConnection(
                        ResponseParser(self._limits.head_bytes, self._limits.body_bytes),
                        idle.append,
                        self._in_flight.discard,
                    ),
                )
        except TimeoutError as error:
            raise ConnectTimeout("no connection in time") from error
        except (OSError, ValueError) as error:
            raise connect_error(error, origin.host) from error
        self._open.add(connection)

        def forget(_: asyncio.Future[None]) -> None:
            self._open.discard(connection)
            if connection in idle:
                idle.remove(connection)

        connection.closed.add_done_callback(forget)
        if not connection.usable:
            connection.abort()
            raise ConnectError("the connection was closed at once")
        return await connection.send(method, outgoing, deadline)
