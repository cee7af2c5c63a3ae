"""A task that several callers await; a caller that leaves does not cancel it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedTask(Generic[T]):
    """A task, and a future of its result for each caller.

    The futures get the result in the last step of the task, and what awaits one continues in the
    next iteration of the event loop. What awaits `asyncio.shield` continues in the one after that:
    in a busy process an iteration takes milliseconds.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, T], when_ended: Callable[[], None] | None = None
    ) -> None:
        """Start the task; `when_ended` is called once, before the callers continue."""
        self._when_ended = when_ended
        self._waiting: list[asyncio.Future[T]] = []
        self._coroutine = coroutine
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(self._end)

    def result(self) -> asyncio.Future[T]:
        """Return a future of the result, whose cancellation does not reach the task."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self.task.done():
            self._end(self.task)
        return future

    async def _run(self) -> T:
        result = await self._coroutine
        self._ended()
        for future in self._waiting:
            if not future.done():
                future.set_result(result)
        self._waiting.clear()
        return result

    def _end(self, task: asyncio.Task[T]) -> None:
        """Give the outcome to the futures that do not have it: a failure, or a late one."""
        self._coroutine.close()  # one that was cancelled before its first step
        self._ended()
        error = None if task.cancelled() else task.exception()  # retrieved, if all have left too
        for future in self._waiting:
            if future.done():
                continue
            if task.cancelled():
                future.cancel()
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(task.result())
        self._waiting.clear()

    def _ended(self) -> None:
        """Call `when_ended`, and drop it: it may refer to this task."""
        act, self._when_ended = self._when_ended, None
        if act is not None:
            act()
