"""The gateway's time, computed from the monotonic and the wall clock.

The monotonic clock stops while the machine is suspended. The wall clock can be stepped by hand or
by NTP. Ages and deadlines use the larger of the two elapsed times. Minimum delays use the
monotonic clock, which a step does not change.
"""

import time
from collections.abc import Callable

STEP = 1.0
"""Seconds by which the wall clock must gain on the monotonic one to count as elapsed time."""
_TICK = 1e-7
"""Seconds: small against any age that is promised, large against a float's resolution."""


class Clock:
    """The gateway's time in seconds. Calling the clock returns the time for ages and deadlines.

    The time never runs slower than either system clock and never goes back. A suspend (the
    monotonic clock stops) and a forward step of the wall clock both add to the time. A backward
    step of the wall clock does not change the time.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] | None = time.time,
    ) -> None:
        """Read `monotonic` in seconds and `wall` in Unix seconds, None for no wall clock."""
        self._wall = wall
        self.monotonic = monotonic
        """Seconds that a step of the wall clock does not change; they may not count a suspend."""
        self._lead = 0.0 if wall is None else wall() - monotonic()
        self._missed = 0.0

    def __call__(self) -> float:
        """Return seconds. Between two calls they grow at least as much as either clock."""
        now = self.monotonic()
        if self._wall is not None:
            lead = self._wall() - now
            gained = lead - self._lead
            if abs(gained) >= STEP:
                self._lead = lead
                self._missed += max(0.0, gained)
        return now + self._missed

    @classmethod
    def of(cls, clock: Callable[[], float]) -> "Clock":
        """Return `clock` if it is a `Clock`, else a `Clock` with `clock` as its monotonic clock."""
        return clock if isinstance(clock, cls) else cls(clock, None)


def strictly_increasing(clock: Callable[[], float]) -> Callable[[], float]:
    """Return a clock that follows `clock` and never returns the same time twice.

    A condition such as "read from now on" must not accept an earlier reading, however coarse
    `clock` is.
    """
    last = float("-inf")

    def instant() -> float:
        nonlocal last
        last = max(clock(), last + _TICK)
        return last

    return instant
