"""The deadlines of one connection, kept with as few event loop timers as possible."""

import asyncio
import math
from collections.abc import Callable

from gateway.server.http1.limits import ConnectionLimits

HEAD, BODY = "head", "body"
_TIMER_SLACK = 0.001
"""Seconds by which a uvloop timer may fire early."""


class Deadlines:
    """Calls `late` if a request does not arrive completely in time, `idle` if none begins.

    It calls `stalled` if the client does not read a response in time.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        patience: ConnectionLimits,
        *,
        late: Callable[[], None],
        idle: Callable[[], None],
        stalled: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._patience = patience
        self._late = late
        self._idle = idle
        self._stalled = stalled
        self._awaited: tuple[int, str] | None = None
        """The request number and its part that have a deadline."""
        self._part: asyncio.TimerHandle | None = None
        self._answer: asyncio.TimerHandle | None = None
        self._idle_until = math.inf
        """When the next request must have begun, by the loop's clock; infinite if one has."""
        self._timer: asyncio.TimerHandle | None = None
        """Fires at or before `_idle_until`; one timer serves many requests of a busy connection."""

    def expect(self, part: str | None, request: int = 0) -> None:
        """Set the deadline for the end of `part` of a request; None removes the deadline."""
        awaited = None if part is None else (request, part)
        if awaited == self._awaited:
            return
        if self._part is not None:
            self._part.cancel()
            self._part = None
        self._awaited = awaited
        if part is not None:
            seconds = self._patience.head_timeout if part is HEAD else self._patience.body_timeout
            self._part = self._loop.call_later(seconds, self._late)

    def begun(self) -> None:
        """End the idle period: bytes have arrived."""
        self._idle_until = math.inf

    def answered(self) -> None:
        """Start the idle period of the connection."""
        self._idle_until = self._loop.time() + self._patience.keep_alive_timeout
        if self._timer is None:
            self._timer = self._loop.call_at(self._idle_until, self._on_timer)

    def unread(self) -> None:
        """Start the deadline for the client to read a response."""
        self._answer = self._loop.call_later(self._patience.write_timeout, self._stalled)

    def read(self) -> None:
        """Cancel that deadline: the client has read the response."""
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    def cancel(self) -> None:
        """Cancel all timers, which releases their callbacks."""
        self.expect(None)
        self.read()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        if self._idle_until <= self._loop.time() + _TIMER_SLACK:
            self._idle()
        elif self._idle_until < math.inf:
            self._timer = self._loop.call_at(self._idle_until, self._on_timer)
