"""How the API was seen to answer list calls, where that is not as documented; relearnt in time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from cachetools import LRUCache

from schema.source.records import MAX_PAGE

if TYPE_CHECKING:
    from collections.abc import Hashable

BELIEVED = 900.0
"""Seconds for which an observation holds; then the documented behaviour is tried again."""
_NOTED = 10_000
"""Callers and lists of which something is noted."""


class PageSizes(NamedTuple):
    """Rows of the largest page that is known to be answered, and of the largest one to request."""

    works: int = MAX_PAGE
    most: int = MAX_PAGE
    at: float = -math.inf


class ListBehaviour:
    """Observations about pages: the size that works, whether `meta` echoes, counts too high.

    Every method takes the time, in seconds on a clock that only rises. `of` is whose rows an
    observation is about; None for everyone's.
    """

    def __init__(self) -> None:
        self._sizes: LRUCache[Hashable, PageSizes] = LRUCache(_NOTED)
        self._excess: LRUCache[Hashable, tuple[int | None, float]] = LRUCache(_NOTED)
        self._misplaced_at = -math.inf

    def sizes(self, of: Hashable, now: float) -> PageSizes:
        """The page sizes for one caller's rows: no larger than everyone's."""
        own, all_ = self._held(of, now), self._held(None, now)
        return PageSizes(min(own.works, all_.works), min(own.most, all_.most))

    def answered(self, of: Hashable, size: int, refused: int, now: float) -> None:
        """Note that a page of `size` rows came where one of `refused` rows did not."""
        known = self._held(of, now)
        most = max(1, min(known.most, refused - 1))
        least = 1 if known.at == -math.inf else known.works
        self._sizes[of] = PageSizes(min(max(size, least), most), most, now)

    def _held(self, of: Hashable, now: float) -> PageSizes:
        known = self._sizes.get(of, PageSizes())
        return known if now - known.at <= BELIEVED else PageSizes()

    def echoes(self, now: float) -> bool:
        """Whether `meta` says which page was answered; not, where it was seen to say another."""
        return now - self._misplaced_at > BELIEVED

    def misplaced(self, now: float) -> None:
        """Note that `meta` named another page than the one that was answered."""
        self._misplaced_at = now

    def excess(self, of: Hashable, now: float) -> int | None:
        """By how many `meta.total` of this list was last seen to be too high.

        None where it was not seen to contradict the rows.
        """
        excess, at = self._excess.get(of, (None, -math.inf))
        return excess if now - at <= BELIEVED else None

    def counted(self, of: Hashable, excess: int, now: float) -> None:
        """Note by how many `meta.total` of this list is too high, now that its end was seen."""
        self._excess[of] = excess, now
