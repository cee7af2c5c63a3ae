"""Requests that the API may have counted, and of which no response states so.

Either there was none, or it did not state how many calls are left.
"""

LATEST_SECONDS = 15.0
"""Seconds after which the API has counted a request without a response, or will never count it."""


class LostCalls:
    """The lost requests of one window; times are in monotonic seconds."""

    def __init__(self) -> None:
        self.count = 0
        """Requests that no header is known to include."""
        self._sent_after_at: float | None = None
        """When the first request after the last loss was sent."""
        self._certain_from: int | None = None
        """The first request whose headers include each lost one that was counted."""

    def add(self) -> None:
        """Record one more loss."""
        self.count += 1
        self._sent_after_at = self._certain_from = None

    def record_sent(self, number: int, now: float) -> None:
        """Record that request `number` is sent now: late enough, its headers settle the losses."""
        if not self.count or self._certain_from is not None:
            return
        if self._sent_after_at is None:
            self._sent_after_at = now
        elif now >= self._sent_after_at + LATEST_SECONDS:
            self._certain_from = number

    def settle(self, number: int) -> int:
        """Return how many losses the headers of request `number` settle, and forget those."""
        if self._certain_from is None or number < self._certain_from:
            return 0
        settled, self.count, self._certain_from = self.count, 0, None
        return settled
