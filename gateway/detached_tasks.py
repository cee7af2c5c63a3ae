"""Tasks that outlive their callers: a write that began also ends, though its caller may leave."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from gateway.shared_task import SharedTask

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger(__name__)


class DetachedTasks:
    """The tasks under way. A caller that is cancelled leaves its task running."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Start a task; return a future to await, whose cancellation does not reach the task."""
        shared = SharedTask(coroutine)
        self._tasks.add(shared.task)
        shared.task.add_done_callback(self._tasks.discard)
        return shared.result()

    def detached(
        self, act: Callable[P, Coroutine[Any, Any, T]]
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        """Return a function that runs `act` as one of these tasks."""

        async def run(*args: P.args, **kwargs: P.kwargs) -> T:
            return await self.start(act(*args, **kwargs))

        return run

    async def aclose(self, seconds: float) -> None:
        """Wait at most `seconds` for the tasks under way, then cancel the others."""
        if not self._tasks:
            return
        _, unfinished = await asyncio.wait(self._tasks, timeout=seconds)
        for task in unfinished:
            task.cancel()
        if unfinished:
            _log.error(
                "writes cancelled because they did not end in %g s: %d", seconds, len(unfinished)
            )
            await asyncio.wait(unfinished)
