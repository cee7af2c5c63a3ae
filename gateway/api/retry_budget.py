"""When to try again: pure arithmetic of waits and of how many second attempts are allowed."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from schema.source.request_context import RateLimitState

BASE, CAP = 0.05, 1.0
"""Seconds: the first backoff's upper end, and every backoff's."""
WORTHWHILE = 0.25
"""Seconds that must remain after the backoff for an attempt to be worth starting."""


def full_jitter(random: Callable[[], float], *, retries: int = 0) -> float:
    """Seconds to back off after `retries` earlier retries: anything up to the doubled base."""
    return random() * min(CAP, BASE * 2.0**retries)


def fits_deadline(wait: float, *, now: float, deadline: float) -> bool:
    """Whether an attempt begun after `wait` seconds has a chance before `deadline`."""
    return deadline - now >= wait + WORTHWHILE


class RetryBudget:
    """How many second attempts the gateway may make: a trouble upstream is not ours to double.

    At most a tenth of the calls of the last 10 s, but one always; at most 10 in 15 minutes;
    none while less than a fifth of the window is left.
    """

    SHARE, SPAN, FLOOR = 0.1, 10.0, 1
    MOST, WINDOW = 10, 900.0
    RESERVE = 0.2

    def __init__(self) -> None:
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque(maxlen=self.MOST)

    def called(self, now: float) -> None:
        """Note a call's first attempt."""
        self._forget(now)
        self._calls.append(now)

    def take(self, now: float, budget: RateLimitState) -> bool:
        """Take one second attempt, if it is allowed."""
        self._forget(now)
        recent = sum(at > now - self.SPAN for at in self._retries)
        allowed = (
            len(self._retries) < self.MOST
            and recent < max(self.FLOOR, int(self.SHARE * len(self._calls)))
            and budget.remaining >= self.RESERVE * budget.limit
        )
        if allowed:
            self._retries.append(now)
        return allowed

    def _forget(self, now: float) -> None:
        while self._calls and self._calls[0] <= now - self.SPAN:
            self._calls.popleft()
        while self._retries and self._retries[0] <= now - self.WINDOW:
            self._retries.popleft()
