"""One connection to the API: one request at a time, and the truth about its end."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, cast

import httpx

from gateway.upstream.whole import Whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.upstream.answers import Answers

_EARLY = 0.001
"""Seconds by which uvloop's timers may ring before their time."""


class Connection(asyncio.Protocol):
    """Whatever goes wrong once a request was written, it was maybe sent: it is never repeated.

    One alarm serves the request's end and, between requests, the connection's own: it is set
    anew only when it would ring too late, since on a busy connection nothing ever does.
    """

    def __init__(
        self,
        answers: Answers,
        rests: Callable[[Connection], None],
        ended: Callable[[asyncio.Future[httpx.Response]], None],
    ) -> None:
        """`ended` is told of what has come to its end, `rests` when it may be asked again."""
        self._loop = asyncio.get_running_loop()
        self._answers = answers
        self._rests, self._ended = rests, ended
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._due = self._rings = 0.0
        self.lost: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection is no more."""

    @property
    def usable(self) -> bool:
        """Whether it still stands, and nothing came in that nobody asked for.

        The kernel is asked too: a goodbye may have arrived that the loop has not read yet.
        """
        return not (self._transport.is_closing() or self._readable.poll(0))

    def ask(
        self, request: httpx.Request, written: bytes, due: float
    ) -> asyncio.Future[httpx.Response]:
        """Send a request, once; `due` is when, by the loop's clock, its answer is given up."""
        answer = self._answer = self._loop.create_future()
        self._request = request
        self._answers.expect(request.method)
        self._ring_by(due)
        self._transport.write(written)
        return answer

    def drop(self) -> None:
        """Close it, whatever it does."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)
        self._readable = select.poll()
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """A part of the answer, or what nobody asked for."""
        if self._answer is None:
            self.drop()
            return
        try:
            whole = self._answers.feed(data)
        except httpx.TransportError as error:
            self._fail(error)
        else:
            if whole:
                self._succeed()

    def eof_received(self) -> None:
        """Nothing more comes; that may be how the answer ends."""
        if self._answer is not None and self._answers.end():
            self._succeed()

    def connection_lost(self, error: Exception | None) -> None:
        """It is no more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._fail(httpx.ReadError("the connection was closed before a whole answer"), error)
        self.lost.set_result(None)

    def _succeed(self) -> None:
        answer, self._answer = self._answer, None
        status, fields, body = self._answers.take()
        if answer is not None:
            self._ended(answer)
            if not answer.done():
                answer.set_result(Whole(status, fields, body, self._request, self._answers.told))
        kept = self._answers.kept
        if not kept or self._transport.get_write_buffer_size():
            self.drop()
            return
        self._ring_by(self._loop.time() + kept)
        self._rests(self)

    def _fail(self, error: httpx.TransportError, cause: Exception | None = None) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        self._ended(answer)
        if not answer.done():
            error.request = self._request
            error.__cause__ = cause
            answer.set_exception(error)
        self.drop()

    def _ring_by(self, due: float) -> None:
        self._due = due
        if self._alarm is not None:
            if self._rings <= due:
                return
            self._alarm.cancel()
        self._rings = due
        self._alarm = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._loop.time() < self._due - _EARLY:
            self._ring_by(self._due)
        elif self._answer is None:
            self.drop()
        else:
            self._fail(httpx.ReadTimeout("no whole answer in time"))
