"""Observed deviations of list calls from the documentation; each expires after `BELIEVED`."""

import math
from collections.abc import Hashable
from typing import NamedTuple

from cachetools import LRUCache

from schema.source.records import MAX_PAGE

BELIEVED = 900.0
"""Seconds for which an observation is valid; then the documented behaviour is assumed."""
_NOTED = 10_000
"""Maximum number of callers, and of lists, with a stored observation."""


class PageSizes(NamedTuple):
    """The largest page known to be answered, and the largest one to request, in rows."""

    works: int = MAX_PAGE
    most: int = MAX_PAGE
    at: float = -math.inf


_DOCUMENTED = PageSizes()


class ListBehaviour:
    """Stores observations: page sizes that work, whether `meta` is right, counts too high.

    Every method takes the time of a monotonic clock, in seconds. `of` is the caller or list that
    an observation is about; None for all callers.
    """

    def __init__(self) -> None:
        self._sizes: LRUCache[Hashable, PageSizes] = LRUCache(_NOTED)
        self._excess: LRUCache[Hashable, tuple[int | None, float]] = LRUCache(_NOTED)
        self._misplaced_at = -math.inf

    def sizes(self, of: Hashable, now: float) -> PageSizes:
        """Return the page sizes for one caller's rows: at most those for all callers."""
        if not self._sizes:
            return _DOCUMENTED
        own, all_ = self._held(of, now), self._held(None, now)
        return PageSizes(min(own.works, all_.works), min(own.most, all_.most))

    def answered(self, of: Hashable, size: int, refused: int, now: float) -> None:
        """Record that a page of `size` rows was answered after one of `refused` rows failed."""
        known = self._held(of, now)
        most = max(1, min(known.most, refused - 1))
        least = 1 if known.at == -math.inf else known.works
        self._sizes[of] = PageSizes(min(max(size, least), most), most, now)

    def _held(self, of: Hashable, now: float) -> PageSizes:
        known = self._sizes.get(of, PageSizes())
        return known if now - known.at <= BELIEVED else PageSizes()

    def echoes(self, now: float) -> bool:
        """Return True unless `meta` was recently seen to name another page than answered."""
        return now - self._misplaced_at > BELIEVED

    def misplaced(self, now: float) -> None:
        """Record that `meta` named another page than the one that was answered."""
        self._misplaced_at = now

    def excess(self, of: Hashable, now: float) -> int | None:
        """Return by how many rows `meta.total` of this list was last seen to be too high.

        The result is None if no contradiction with the rows was seen.
        """
        excess, at = self._excess.get(of, (None, -math.inf))
        return excess if now - at <= BELIEVED else None

    def counted(self, of: Hashable, excess: int, now: float) -> None:
        """Record by how many `meta.total` of this list is too high, measured at its end."""
        self._excess[of] = excess, now
