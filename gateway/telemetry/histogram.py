"""Counts of durations by bucket."""

from bisect import bisect_left
from itertools import accumulate

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets, in seconds; a stored response takes less than the first."""
_LABELS = (*map(str, BOUNDS), "+Inf")


class Histogram:
    """Durations in seconds, counted by bucket, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * len(_LABELS)
        """Number of durations by bucket."""
        self.total = 0.0
        """Sum of all durations."""

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def merge(self, other: "Histogram") -> None:
        """Add the durations of another."""
        self.counts = [own + its for own, its in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        """Return the number of durations."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """Return, for each upper bound, how many durations are at most as long."""
        return list(zip(_LABELS, accumulate(self.counts, initial=None), strict=True))
