"""A query or a mutation that is executed for one WebSocket."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class SocketOperation:
    """An operation under way, or a subscription that is being opened."""

    __slots__ = ("_leave", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._leave: Callable[[], None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start it."""
        self._task = asyncio.create_task(work)

    def when_disconnected(self, leave: Callable[[], None] | None) -> None:
        """Have `leave` called if the client no longer waits for the response."""
        self._leave = leave

    def close(self) -> None:
        """Abandon it; a write that was sent is completed."""
        if self._leave is not None:
            self._leave()
        if self._task is not None:
            self._task.cancel()
