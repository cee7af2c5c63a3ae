"""Scheduling of pipelined requests: one connection in each event loop iteration."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class TurnQueue:
    """A FIFO queue of connections that have buffered requests.

    One connection has its turn in each iteration of the loop, however many wait. A request that
    was not pipelined is not queued, so it waits for one turn at most.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def join(self, loop: asyncio.AbstractEventLoop, turn: Callable[[], None]) -> None:
        """Schedule one call of `turn` after all queued ones. A connection joins once at a time."""
        if not self._waiting:
            loop.call_soon(self._next, loop)
        self._waiting.append(turn)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._next, loop)
        turn()
