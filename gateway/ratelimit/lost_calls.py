"""Requests that the API may have counted, and of which no response states so.

Either there was none, or it did not state how many calls are left.
"""

import math

LATEST_SECONDS = 15.0
"""Seconds after which the API has counted a request without a response, or will never count it."""


class LostCalls:
    """The lost requests of one window; times are in monotonic seconds."""

    def __init__(self) -> None:
        self.count = 0
        """Requests that no header is known to include."""
        self._certain_at = -math.inf
        """From when the headers of a request that is sent include each lost one that counts."""
        self._certain_from: int | None = None
        """The first request that was sent since then."""
        self.kept_until = -math.inf
        """Until when a window that is shared keeps its last call."""

    def add(self, now: float) -> None:
        """Record one more loss."""
        self.count += 1
        self._certain_at, self._certain_from = now + LATEST_SECONDS, None

    def record_sent(self, number: int, now: float) -> None:
        """Record that request `number` is sent now: late enough, its headers settle the losses."""
        if self.count and self._certain_from is None and now >= self._certain_at:
            self._certain_from = number

    def kept(self, now: float, lowered: int, *, stated: bool) -> float:
        """Return the seconds for which the last call is kept, as its headers may return more.

        `lowered`: calls that headers took; `stated`: whether there were any headers.
        """
        if now < self.kept_until:
            return self.kept_until - now
        is_settled = not self.count or self._certain_from is not None
        if is_settled or not stated or self.count + lowered == 1:
            return 0.0
        return max(0.0, self._certain_at - now)

    def settle(self, number: int) -> int:
        """Return how many losses the headers of request `number` settle, and forget those."""
        if self._certain_from is None or number < self._certain_from:
            return 0
        settled, self.count, self._certain_from = self.count, 0, None
        return settled
