"""The calls that this gateway may send while it cannot reach the server."""

import math

from schema.source.request_context import Priority

LEASE_SECONDS = 60.0
"""Seconds for which a lease may be used; the server keeps its calls aside for longer."""
WRITES_PART = 4
"""One in this many of a lease's calls is left to writes."""


class Lease:
    """A number of calls, set aside in the server; every method takes the time, in seconds."""

    def __init__(self) -> None:
        self.id = "-"
        self.amount = 0
        self.used = 0
        """Calls sent under this lease."""
        self._expires_at = -math.inf
        self._shut_until = -math.inf

    def take(self, priority: int, now: float) -> bool:
        """Use one call of the lease; return whether there was one for this priority."""
        left = self.left(now)
        reserved = 0 if priority == Priority.WRITE else math.ceil(self.amount / WRITES_PART)
        if left <= reserved:
            return False
        self.used += 1
        return True

    def left(self, now: float) -> int:
        """Return the calls left."""
        if now >= self._expires_at or now < self._shut_until:
            return 0
        return max(0, self.amount - self.used)

    def shut(self, seconds: float, now: float) -> None:
        """Hold the calls back for `seconds` after a 429."""
        self._shut_until = max(self._shut_until, now + seconds)

    def renew(self, id: str, amount: int, *, used_before: int, renewed_at: float) -> None:
        """Replace the lease by one that was requested at `renewed_at` with `used_before` used.

        Calls used since then count as used of the new one.
        """
        self.used -= used_before
        self.id, self.amount = id, amount
        self._expires_at = renewed_at + LEASE_SECONDS
