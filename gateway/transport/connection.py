"""One connection to the API: one request at a time, and the truth about its end."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, cast

import httpx

from gateway.transport.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.transport.parser import ResponseParser

_TIMER_SLACK = 0.001
"""Seconds by which uvloop's timers may ring before their time."""


class HTTPConnection(asyncio.Protocol):
    """Whatever goes wrong once a request was written, it was maybe sent: it is never repeated.

    One alarm serves the request's end and, between requests, the connection's own: it is set
    anew only when it would ring too late, since on a busy connection nothing ever does.
    """

    def __init__(
        self,
        answers: ResponseParser,
        rests: Callable[[HTTPConnection], None],
        ended: Callable[[asyncio.Future[httpx.Response]], None],
    ) -> None:
        """`ended` is told of what has come to its end, `rests` when it may be asked again."""
        self._loop = asyncio.get_running_loop()
        self._parser = answers
        self._on_idle, self._on_finished = rests, ended
        self._response: asyncio.Future[httpx.Response] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._due = self._rings = 0.0
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection is no more."""

    @property
    def usable(self) -> bool:
        """Whether it still stands, and nothing came in that nobody asked for.

        The kernel is asked too: a goodbye may have arrived that the loop has not read yet.
        """
        return not (self._transport.is_closing() or self._readable.poll(0))

    def send(
        self, request: httpx.Request, written: bytes, due: float
    ) -> asyncio.Future[httpx.Response]:
        """Send a request, once; `due` is when, by the loop's clock, its answer is given up."""
        answer = self._response = self._loop.create_future()
        self._request = request
        self._parser.begin(request.method)
        self._arm_timer(due)
        self._transport.write(written)
        return answer

    def abort(self) -> None:
        """Close it, whatever it does."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)
        self._readable = select.poll()
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """A part of the answer, or what nobody asked for."""
        if self._response is None:
            self.abort()
            return
        try:
            whole = self._parser.feed(data)
        except httpx.TransportError as error:
            self._fail(error)
        else:
            if whole:
                self._succeed()

    def eof_received(self) -> None:
        """Nothing more comes; that may be how the answer ends."""
        if self._response is not None and self._parser.end():
            self._succeed()

    def connection_lost(self, error: Exception | None) -> None:
        """It is no more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._fail(httpx.ReadError("the connection was closed before a whole answer"), error)
        self.closed.set_result(None)

    def _succeed(self) -> None:
        answer, self._response = self._response, None
        status, fields, body = self._parser.take()
        if answer is not None:
            self._on_finished(answer)
            if not answer.done():
                answer.set_result(
                    Response(status, fields, body, self._request, self._parser.by_name)
                )
        kept = self._parser.keep_alive_seconds
        if not kept or self._transport.get_write_buffer_size():
            self.abort()
            return
        self._arm_timer(self._loop.time() + kept)
        self._on_idle(self)

    def _fail(self, error: httpx.TransportError, cause: Exception | None = None) -> None:
        answer, self._response = self._response, None
        if answer is None:
            return
        self._on_finished(answer)
        if not answer.done():
            error.request = self._request
            error.__cause__ = cause
            answer.set_exception(error)
        self.abort()

    def _arm_timer(self, due: float) -> None:
        self._due = due
        if self._alarm is not None:
            if self._rings <= due:
                return
            self._alarm.cancel()
        self._rings = due
        self._alarm = self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._alarm = None
        if self._loop.time() < self._due - _TIMER_SLACK:
            self._arm_timer(self._due)
        elif self._response is None:
            self.abort()
        else:
            self._fail(httpx.ReadTimeout("no whole answer in time"))
