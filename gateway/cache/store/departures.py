"""Rows that left a list, and their former neighbours: for cursors that name those rows."""

from collections.abc import Callable

from cachetools import LRUCache

from gateway.cache.store.collection import HeldCollection
from gateway.cache.store.cursor_anchor import END, Neighbours, departures
from gateway.cache.store.keys import ListKey, Partition
from gateway.cache.store.list_index import ListIndex

_MAX_DEPARTURES = 10_000
"""Departures held, some 300 bytes each; the least recently used are evicted first."""


class Departures:
    """The departures from all lists of all callers. Only ids are stored."""

    def __init__(self) -> None:
        self._neighbours: LRUCache[tuple[ListKey, str], Neighbours] = LRUCache(_MAX_DEPARTURES)

    def of(self, key: ListKey) -> Callable[[str], Neighbours | None]:
        """Return the function that finds the neighbours of a row that left this list."""
        return lambda left: self._neighbours.get((key, left))

    def note(
        self, key: ListKey, before: ListIndex, after: ListIndex, page: tuple[int, int] | None = None
    ) -> None:
        """Store which rows left between two states of a list (`cursor_anchor.departures`)."""
        if before.spans:
            for id, neighbours in departures(before, after, page).items():
                self._neighbours[key, id] = neighbours

    def note_one(self, key: ListKey, id: str, neighbours: Neighbours) -> None:
        """Store that one row left, and where it stood."""
        self._neighbours[key, id] = neighbours

    def note_replaced(self, key: ListKey, before: HeldCollection, after: HeldCollection) -> None:
        """Store which clients left between two scans of a list."""
        ids = [END, *(record.id for record in before.records), END]
        for index, id in enumerate(ids[1:-1], 1):
            if id not in after:
                self._neighbours[key, id] = Neighbours(ids[index - 1], ids[index + 1])

    def purge(self, partition: Partition) -> None:
        """Remove the departures from one caller's lists."""
        for name in [name for name in self._neighbours if name[0].partition == partition]:
            del self._neighbours[name]
