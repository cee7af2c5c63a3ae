"""What one answer said of the API's window."""

from __future__ import annotations

from typing import NamedTuple


class RateLimitStatus(NamedTuple):
    """The window, as one answer said; None for what it did not say, or not sensibly."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    """Seconds from the answer to the window's end."""
