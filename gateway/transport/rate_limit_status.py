"""The state of the API's rate limit window in one response."""

from typing import NamedTuple

LONGEST = 900.0
"""The longest accepted wait, in seconds: one window."""
MOST = 1_000_000
"""The largest accepted limit, in calls."""


class RateLimitStatus(NamedTuple):
    """The rate limit window as one response states it; None for what is absent or invalid."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    """Seconds from the response to the window's end."""

    @classmethod
    def checked(
        cls, limit: float | None, remaining: float | None, reset: float | None
    ) -> "RateLimitStatus":
        """Return these values, without those that are out of bounds.

        A reset of 0 is left out too: servers also send it for an unknown one.
        """
        limit = limit if limit is not None and 1 <= limit <= MOST else None
        if remaining is not None and remaining > (limit or MOST):
            remaining = None
        return cls(
            None if limit is None else int(limit),
            None if remaining is None else max(0, int(remaining)),
            reset if reset is not None and 0 < reset <= LONGEST else None,
        )
