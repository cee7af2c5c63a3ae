"""The state of the API's rate limit window in one response."""

from __future__ import annotations

from typing import NamedTuple


class RateLimitStatus(NamedTuple):
    """The rate limit window as one response states it; None for what is absent or invalid."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    """Seconds from the response to the window's end."""
