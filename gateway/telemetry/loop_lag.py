"""How late the event loop runs what is due."""

import asyncio

from gateway.telemetry.histogram import Histogram

INTERVAL = 0.25
"""Seconds between two measurements."""


class LoopLag:
    """Measures the lag of the running event loop, from `start` to `stop`."""

    def __init__(self) -> None:
        self.durations = Histogram()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(INTERVAL, self._measure, loop, loop.time() + INTERVAL)

    def stop(self) -> None:
        """End measuring."""
        if self._timer is not None:
            self._timer.cancel()

    def _measure(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self.durations.observe(max(0.0, loop.time() - due))
        self.start()
