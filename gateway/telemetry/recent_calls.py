"""The calls of the API in the last quarter of an hour, and the window after each of them."""

import time
from collections import Counter, deque
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from schema.source.request_context import RateLimitState

SPAN = 900.0
"""Seconds that are remembered: a window of the API."""
SLOT = 60.0
"""Seconds whose calls are counted together."""
MAX_SAMPLES = 1_000
MAX_CALLERS = 500
"""Callers that are counted apart in a slot."""
OTHERS = ""
"""The callers beyond `MAX_CALLERS`."""


class Sample(NamedTuple):
    """The window at a moment, in seconds of the clock."""

    at: float
    remaining: int
    ends: float


class RecentCalls:
    """Counts calls by lane and caller, in slots of time of which the old ones are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots: deque[tuple[float, Counter[str], Counter[str]]] = deque()
        self._samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self.window: Callable[[], RateLimitState] | None = None
        """Returns the state of the window; without it, calls are counted alone."""

    def add(self, priority: str, caller: str) -> None:
        """Count one call."""
        now = self._clock()
        self._forget(now)
        if not self._slots or now >= self._slots[-1][0] + SLOT:
            self._slots.append((now, Counter(), Counter()))
        _, lanes, callers = self._slots[-1]
        lanes[priority] += 1
        callers[caller if caller in callers or len(callers) < MAX_CALLERS else OTHERS] += 1
        if self.window is not None:
            state = self.window()
            self._samples.append(Sample(now, state.remaining, now + state.reset_seconds))

    def lanes(self) -> Counter[str]:
        """Return the calls by priority."""
        self._forget(self._clock())
        return sum((lanes for _, lanes, _ in self._slots), Counter())

    def callers(self) -> Counter[str]:
        """Return the calls by the hash of their caller."""
        self._forget(self._clock())
        return sum((callers for _, _, callers in self._slots), Counter())

    def burn_down(self) -> list[tuple[float, int]]:
        """Return what was left after each call and at each end of a window, by seconds from now."""
        if self.window is None:
            return []
        now, state = self._clock(), self.window()
        self._forget(now)
        samples = [*self._samples, Sample(now, state.remaining, now + state.reset_seconds)]
        points: list[tuple[float, int]] = []
        for sample, following in pairwise(samples):
            points.append((sample.at - now, sample.remaining))
            if sample.ends < following.at:
                points.append((sample.ends - now, state.limit))
        return [*points, (0.0, state.remaining)]

    def _forget(self, now: float) -> None:
        while self._slots and now >= self._slots[0][0] + SPAN + SLOT:
            self._slots.popleft()
        while self._samples and now >= self._samples[0].at + SPAN:
            self._samples.popleft()
