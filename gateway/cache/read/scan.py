"""The rows of one list as far as they are known: cached before, or read by a scan."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from gateway.cache.fetch.page_store import FetchedPage
from gateway.cache.store.collection import HeldCollection
from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.keys import ListKey
from gateway.cache.store.list_index import full_pages
from schema.source.records import Window


class _Part(NamedTuple):
    """Rows that were read together, and the length of the list by that reading."""

    start: int
    stop: int
    total: int


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
        self._parts = [_Part(index, index + 1, total or 0) for index in known]
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
        """Return True if rows were seen to move between its pages, and may be missing."""
        return len({part.total for part in self._parts}) > 1 or bool(self._repeated())

    def add(self, one: FetchedPage) -> None:
        """Add the rows of a page."""
        page, stop = one.page, one.page.offset + len(one.page.records)
        self.total = stop + 1 if page.more and stop >= page.total else page.total
        self._parts.append(_Part(page.offset, stop, self.total))
        self._at = min(self._at, one.at)
        self.kept = self.kept and one.kept
        for index, record in enumerate(page.records, page.offset):
            self._places[index] = one.newest.get(record.id) or CachedRecord.of(record, one.at)

    def drop_moved(self, room: float) -> bool:
        """Drop the rows that other pages contradict, to be read again.

        Those are the pages by which the list had another length than by the last one read, or else
        those that have a client in common. Return False, and drop none, if there are none or that
        takes more than `room` calls.
        """
        total = self._parts[-1].total
        same = all(part.total == total for part in self._parts)
        repeated = self._repeated() if same else set()
        wrong = [
            part
            for part in self._parts
            if part.total != total or not repeated.isdisjoint(range(part.start, part.stop))
        ]
        moved = {index for part in wrong for index in range(part.start, part.stop)}
        places = {index: each for index, each in self._places.items() if index not in moved}
        calls = len(full_pages(set(range(total)) - places.keys(), self._size))
        if not 0 < calls <= room:
            return False
        self.total, self._places = total, places
        self._parts = [part for part in self._parts if part not in wrong]
        return True

    def _repeated(self) -> set[int]:
        """Return the indexes of clients that are at more than one."""
        times = Counter(each.id for each in self._places.values())
        return {index for index, each in self._places.items() if times[each.id] > 1}

    def collection(self, now: float) -> HeldCollection:
        """Return the collection of all rows, each client once."""
        places = self._places
        clients = {each.id: each for _, each in sorted(places.items(), reverse=True)}
        calls = max(1, -(-len(places) // self._size))
        at = min(self._at, now)
        return HeldCollection(reversed(clients.values()), at, calls, drift=self.drift)
