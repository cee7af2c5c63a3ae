"""The rows of one list as far as they are known: cached before, or read by a scan."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway.cache.read.list_reader import FetchedPage
from gateway.cache.store.collection import HeldCollection
from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.keys import ListKey
from gateway.cache.store.list_index import full_pages
from schema.source.records import Window


class Scan:
    """Collects all rows of one list, in pages of `size` rows."""

    def __init__(
        self, key: ListKey, total: int | None, known: Mapping[int, CachedRecord], size: int
    ) -> None:
        """Create it with the number of rows, None if unknown, and the rows known by index."""
        self.key = key
        self.total = total
        self._size = size
        self._places = dict(known)
        self._at = min((each.at for each in known.values()), default=math.inf)
        self._totals = {total} if known else set()
        self.kept = True
        """Whether the caller wrote nothing while pages were read."""

    @property
    def missing(self) -> list[Window]:
        """Return the pages that are left to read; the first one if nothing is known."""
        total = 1 if self.total is None else self.total
        return full_pages(
            [index for index in range(total) if index not in self._places], self._size
        )

    @property
    def drift(self) -> bool:
        """Return True if rows were seen to move between its pages."""
        ids = {each.id for each in self._places.values()}
        return len(self._totals) > 1 or len(ids) < len(self._places)

    def add(self, one: FetchedPage) -> None:
        """Add the rows of a page."""
        page, stop = one.page, one.page.offset + len(one.page.records)
        self.total = stop + 1 if page.more and stop >= page.total else page.total
        self._totals.add(self.total)
        self._at = min(self._at, one.at)
        self.kept = self.kept and one.kept
        for index, record in enumerate(page.records, page.offset):
            self._places[index] = one.newest.get(record.id) or CachedRecord.of(record, one.at)

    def restart(self) -> None:
        """Forget the rows, because they moved."""
        self._places, self._totals, self._at = {}, set(), math.inf

    def collection(self, now: float) -> HeldCollection:
        """Return the collection of all rows, each client once."""
        places = self._places
        clients = {each.id: each for _, each in sorted(places.items(), reverse=True)}
        calls = max(1, -(-len(places) // self._size))
        at = min(self._at, now)
        return HeldCollection(reversed(clients.values()), at, calls, drift=self.drift)
