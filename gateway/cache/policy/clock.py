"""Time that tells before from after."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STEP = 1e-7
"""Seconds; small beside any age we promise, large beside the resolution of a float."""


def strictly_increasing(clock: Callable[[], float]) -> Callable[[], float]:
    """`clock`, never giving the same instant twice.

    "Only what is read from now on" must not accept what was read a moment ago, however
    coarse the clock is.
    """
    last = float("-inf")

    def instant() -> float:
        nonlocal last
        last = max(clock(), last + _STEP)
        return last

    return instant
