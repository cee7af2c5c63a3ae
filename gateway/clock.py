"""The gateway's time, by both of the machine's clocks: neither alone tells how much passed.

A monotonic clock stands still while the machine is suspended; a wall clock is stepped by hand and
by NTP. What decides how old something is takes the larger of both. What must hold for at least
some time takes the monotonic one, which no step can hurry.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = 1.0
"""Seconds by which the wall clock must gain on the monotonic one to count as time that passed."""


class Clock:
    """Tells the gateway's time in seconds; a call gives the time that ages and deadlines are on.

    That time never runs slower than either clock and never goes back: a suspend (the monotonic
    clock stands still) and a step forward of the wall clock both add to it, a step back of the
    wall clock takes nothing from it.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] | None = time.time,
    ) -> None:
        """`monotonic` cannot be stepped; `wall` tells Unix seconds, None where there is none."""
        self._wall = wall
        self.monotonic = monotonic
        """Seconds that no step of the wall clock hurries; a suspend may be missing from them."""
        self._lead = 0.0 if wall is None else wall() - monotonic()
        self._missed = 0.0

    def __call__(self) -> float:
        """Seconds, at least as many between two calls as passed by either clock."""
        now = self.monotonic()
        if self._wall is not None:
            lead = self._wall() - now
            gained = lead - self._lead
            if abs(gained) >= STEP:
                self._lead = lead
                self._missed += max(0.0, gained)
        return now + self._missed

    @classmethod
    def of(cls, clock: Callable[[], float]) -> Clock:
        """`clock` where it is one already, else a time with `clock` as its only clock."""
        return clock if isinstance(clock, cls) else cls(clock, None)
