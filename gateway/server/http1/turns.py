"""Turns of connections whose clients send ahead: one in each iteration of the event loop."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class TurnQueue:
    """Connections that have more to be read, first come, first served.

    One of them has its turn in each iteration of the loop, however many wait. A request that was
    not sent ahead waits for one turn at most: it is read as it comes.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def join(self, loop: asyncio.AbstractEventLoop, turn: Callable[[], None]) -> None:
        """Have `turn` called once after all turns that wait already. A connection joins once."""
        if not self._waiting:
            loop.call_soon(self._next, loop)
        self._waiting.append(turn)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._next, loop)
        turn()
