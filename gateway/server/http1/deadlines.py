"""The times by which one connection must have gone on, each kept with as few timers as do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from gateway.server.http1.limits import ConnectionLimits

HEAD, BODY = "head", "body"
_TIMER_SLACK = 0.001
"""Seconds by which uvloop's timers may ring before their time."""


class Deadlines:
    """Calls `late` for a request that does not come whole, `idle` for a connection without one.

    `stalled` is called for an answer that is not read.
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
        """The part of which request there is a deadline for."""
        self._part: asyncio.TimerHandle | None = None
        self._answer: asyncio.TimerHandle | None = None
        self._idle_until = math.inf
        """When the next request must have begun, if none has; by the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        """Rings no later than that: one for many requests, as on a busy connection none is late."""

    def expect(self, part: str | None, request: int = 0) -> None:
        """Expect the end of this part of this request in time; None expects nothing."""
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
        """Something came: the connection is idle no more."""
        self._idle_until = math.inf

    def answered(self) -> None:
        """The connection is idle from here on."""
        self._idle_until = self._loop.time() + self._patience.keep_alive_timeout
        if self._timer is None:
            self._timer = self._loop.call_at(self._idle_until, self._on_timer)

    def unread(self) -> None:
        """An answer waits for its client to read on."""
        self._answer = self._loop.call_later(self._patience.write_timeout, self._stalled)

    def read(self) -> None:
        """It has."""
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    def cancel(self) -> None:
        """Expect nothing more, and let go of whoever would be called."""
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
