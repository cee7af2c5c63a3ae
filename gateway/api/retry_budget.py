"""Retry arithmetic, without I/O: backoff delays and the number of retries allowed."""

from __future__ import annotations

from collections import deque

from schema.source.request_context import RateLimitState

BACKOFF = 0.05
"""Upper bound of the backoff before the only retry, in seconds."""
WORTHWHILE = 0.25
"""Seconds that must remain after the backoff for an attempt to be worth starting."""


def fits_deadline(wait: float, left: float) -> bool:
    """Return True if an attempt after `wait` leaves `WORTHWHILE` of the `left` seconds."""
    return left >= wait + WORTHWHILE


class RetryBudget:
    """Limits retries, so that a fault of the API does not multiply the load on it.

    Retries are at most a tenth of the calls of the last 10 s (but at least one) and at most 10
    in 15 minutes; there are none while less than a fifth of the rate limit window is left.
    """

    SHARE, SPAN, FLOOR = 0.1, 10.0, 1
    MOST, WINDOW = 10, 900.0
    RESERVE = 0.2

    def __init__(self) -> None:
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque(maxlen=self.MOST)

    def called(self, now: float) -> None:
        """Record the first attempt of a call."""
        self._forget(now)
        self._calls.append(now)

    def allows(self, now: float, budget: RateLimitState) -> bool:
        """Return True if a retry is allowed now."""
        self._forget(now)
        recent = sum(at > now - self.SPAN for at in self._retries)
        return (
            len(self._retries) < self.MOST
            and recent < max(self.FLOOR, int(self.SHARE * len(self._calls)))
            and budget.remaining >= self.RESERVE * budget.limit
        )

    def retried(self, now: float) -> None:
        """Record a retry."""
        self._retries.append(now)

    def _forget(self, now: float) -> None:
        while self._calls and self._calls[0] <= now - self.SPAN:
            self._calls.popleft()
        while self._retries and self._retries[0] <= now - self.WINDOW:
            self._retries.popleft()
