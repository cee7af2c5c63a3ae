"""An event loop whose time is wound by hand: it never sleeps, it moves its clock."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class _Instant(selectors.DefaultSelector):
    """Reports what is ready now and, if nothing is, moves the clock to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(
            None if timeout is None else 0
        )
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`loop.time()` and every timer run on virtual seconds; for code that does no real I/O."""

    def __init__(self) -> None:
        self._instant = _Instant()
        super().__init__(self._instant)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._instant.now

    async def shutdown_default_executor(self, _timeout: float | None = None) -> None:
        """Wait for the threads without a limit: a virtual one passes before any of them ends."""
        await super().shutdown_default_executor()


VIRTUAL: tuple[str, Mapping[str, Any]] = ("asyncio", {"loop_factory": VirtualLoop})
REAL: tuple[str, Mapping[str, Any]] = ("asyncio", {})


def virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run `main` on a loop of its own, which ends its tasks and generators before it closes."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(loop))
