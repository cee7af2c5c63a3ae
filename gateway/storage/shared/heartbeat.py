"""An action that is repeated for as long as the gateway runs."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.storage.shared.contract import ServerUnreachable

PAUSE_SECONDS = 0.05
"""Seconds between two runs at least."""

_log = logging.getLogger(__name__)


class Heartbeat:
    """Runs `act` every `seconds`, and soon after `wake`. An error ends one run, never all.

    No run is cancelled: a command that was sent must be awaited.
    """

    def __init__(self, act: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
        self._act = act
        self._seconds = seconds
        self._awake = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run."""
        self._loop = asyncio.create_task(self._forever())

    def wake(self) -> None:
        """Run soon."""
        self._awake.set()

    async def aclose(self) -> None:
        """Stop, after the run under way."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        if self._running is not None:
            await asyncio.wait({self._running})

    async def _forever(self) -> None:
        while True:
            self._awake.clear()
            self._running = asyncio.create_task(self._run())
            await asyncio.shield(self._running)
            await asyncio.sleep(PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds - PAUSE_SECONDS):
                    await self._awake.wait()

    async def _run(self) -> None:
        try:
            await self._act()
        except ServerUnreachable:
            pass  # the next run tries again
        except Exception:  # noqa: BLE001 - a bug in one run must not end the others
            _log.exception("a heartbeat failed")
