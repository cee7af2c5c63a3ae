"""One HTTP/1.1 client connection: one request at a time, with an exact outcome."""

import asyncio
import select
from collections.abc import Callable
from typing import cast

from gateway.transport.errors import ReadError, ReadTimeout, TransportError
from gateway.transport.messages import Response
from gateway.transport.parser import ResponseParser

_TIMER_SLACK = 0.001
"""Seconds by which uvloop's timers may fire early."""


class HTTPConnection(asyncio.Protocol):
    """A connection that sends each request once.

    After the first write, every failure means that the request may have been executed; it is not
    repeated here. One timer serves the deadline of the request and, between requests, the idle
    timeout. The timer is replaced only if it would fire too late: on a busy connection it never
    fires.
    """

    def __init__(
        self,
        parser: ResponseParser,
        on_idle: "Callable[[HTTPConnection], None]",
        on_finished: Callable[[asyncio.Future[Response]], None],
    ) -> None:
        """Call `on_finished` at a response's end, `on_idle` when the connection is reusable."""
        self._loop = asyncio.get_running_loop()
        self._parser = parser
        self._on_idle, self._on_finished = on_idle, on_finished
        self._response: asyncio.Future[Response] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = self._timer_at = 0.0
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection is closed."""

    @property
    def usable(self) -> bool:
        """Return True if the connection is open and no unexpected bytes have arrived.

        The kernel is polled too: the event loop may not have read a received FIN yet.
        """
        return not (self._transport.is_closing() or self._readable.poll(0))

    def send(self, method: str, data: bytes, deadline: float) -> asyncio.Future[Response]:
        """Send the bytes of a request once; fail at `deadline`, in seconds of the loop's clock."""
        response = self._response = self._loop.create_future()
        self._parser.begin(method)
        self._arm_timer(deadline)
        self._transport.write(data)
        return response

    def abort(self) -> None:
        """Close the connection in any state."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport and register its socket for polling."""
        self._transport = cast("asyncio.Transport", transport)
        self._readable = select.poll()
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Parse a part of the response; close the connection if no response is due."""
        if self._response is None:
            self.abort()
            return
        try:
            complete = self._parser.feed(data)
        except TransportError as error:
            self._fail(error)
        else:
            if complete:
                self._succeed()

    def eof_received(self) -> None:
        """Complete a response whose body ends with the connection."""
        if self._response is not None and self._parser.end():
            self._succeed()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the request in flight, if there is one."""
        if self._timer is not None:
            self._timer.cancel()
        self._fail(ReadError("the connection was closed before the response was complete"), error)
        self.closed.set_result(None)

    def _succeed(self) -> None:
        response, self._response = self._response, None
        result = self._parser.take()
        if response is not None:
            self._on_finished(response)
            if not response.done():
                response.set_result(result)
        seconds = self._parser.keep_alive_seconds
        if not seconds or self._transport.get_write_buffer_size():
            self.abort()
            return
        self._arm_timer(self._loop.time() + seconds)
        self._on_idle(self)

    def _fail(self, error: TransportError, cause: Exception | None = None) -> None:
        response, self._response = self._response, None
        if response is None:
            return
        self._on_finished(response)
        if not response.done():
            error.__cause__ = cause
            response.set_exception(error)
        self.abort()

    def _arm_timer(self, when: float) -> None:
        self._deadline = when
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._loop.time() < self._deadline - _TIMER_SLACK:
            self._arm_timer(self._deadline)
        elif self._response is None:
            self.abort()
        else:
            self._fail(ReadTimeout("no complete response in time"))
