"""A clock whose values order events."""

from __future__ import annotations

from collections.abc import Callable

_STEP = 1e-7
"""Seconds: small against any age that is promised, large against a float's resolution."""


def strictly_increasing(clock: Callable[[], float]) -> Callable[[], float]:
    """Return a clock that follows `clock` and never returns the same time twice.

    A condition such as "read from now on" must not accept an earlier reading, however coarse
    `clock` is.
    """
    last = float("-inf")

    def instant() -> float:
        nonlocal last
        last = max(clock(), last + _STEP)
        return last

    return instant
