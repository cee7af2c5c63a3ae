"""Scheduling of pipelined requests and of requests that arrive in pieces.

One connection has its turn in each iteration of the event loop, and all turns together take a
share of one core, so that the requests of other connections find the loop idle.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

SHARE = 1 / 8
"""The part of the time that turns may take while connections wait for theirs."""
BURST = 0.01
"""Seconds of CPU that turns may take beyond that share, after a time without any."""
SLICE = 0.001
"""Seconds of CPU that turns take between two pauses."""


class CPUAllowance:
    """CPU time that may be spent: `SHARE` of the time that passes, and at most `BURST` at once."""

    def __init__(self, now: float) -> None:
        self._left = BURST
        self._at = now

    def spend(self, seconds: float, now: float) -> float:
        """Count CPU time, and return for how many seconds no more of it may be spent."""
        self._left = min(BURST, self._left + SHARE * (now - self._at)) - seconds
        self._at = now
        return 0.0 if self._left > 0 else (SLICE - self._left) / SHARE


class TurnQueue:
    """A FIFO queue of connections that have buffered bytes.

    A request that arrives whole and was not pipelined is not queued.
    """

    def __init__(self, cpu: Callable[[], float] = time.thread_time) -> None:
        self._cpu = cpu
        self._waiting: deque[Callable[[], None]] = deque()
        self._allowance = CPUAllowance(0.0)
        self._scheduled = False

    def join(self, loop: asyncio.AbstractEventLoop, turn: Callable[[], None]) -> None:
        """Schedule one call of `turn` after all queued ones. A connection joins once at a time."""
        self._waiting.append(turn)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._next, loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        began = self._cpu()
        try:
            if self._waiting:  # else a pause has ended in which no connection joined
                self._waiting.popleft()()
        finally:
            pause = self._allowance.spend(self._cpu() - began, loop.time())
            self._scheduled = bool(self._waiting) or pause > 0
            if pause > 0:
                loop.call_later(pause, self._next, loop)
            elif self._waiting:
                loop.call_soon(self._next, loop)
