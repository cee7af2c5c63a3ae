"""Rows that were seen to leave a list, and what they stood between: for cursors that name them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cachetools import LRUCache

from gateway.cache.store.cursor_anchor import departures

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cache.store.cursor_anchor import Neighbours
    from gateway.cache.store.keys import ListKey, Partition
    from gateway.cache.store.list_index import ListIndex

_NOTED = 10_000
"""Departures noted, some 300 bytes each; the longest unread are forgotten first."""


class Departures:
    """The departures from all lists of all callers. Ids alone are kept."""

    def __init__(self) -> None:
        self._neighbours: LRUCache[tuple[ListKey, str], Neighbours] = LRUCache(_NOTED)

    def of(self, key: ListKey) -> Callable[[str], Neighbours | None]:
        """What tells the neighbours of a row that left this list."""
        return partial(self._find, key)

    def _find(self, key: ListKey, id: str) -> Neighbours | None:
        return self._neighbours.get((key, id))

    def note(
        self, key: ListKey, before: ListIndex, after: ListIndex, page: tuple[int, int] | None = None
    ) -> None:
        """Note which rows left between two states of a list (see `anchors.departures`)."""
        if before.spans:
            for id, neighbours in departures(before, after, page).items():
                self._neighbours[key, id] = neighbours

    def purge(self, partition: Partition) -> None:
        """Forget those from one caller's lists."""
        for name in [name for name in self._neighbours if name[0].partition == partition]:
            del self._neighbours[name]
