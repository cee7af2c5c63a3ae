"""All clients of one list as one scan read them, kept current by writes and later readings."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.cache.store.cursor_anchor import END, Neighbours
from gateway.cache.store.entity import CachedRecord, Tombstone, merge_record
from gateway.search.facets import Facets
from gateway.search.order import Order
from gateway.search.terms import SearchText, search_text
from schema.source.records import ClientRecord

_REVISIONS = itertools.count(1)


class HeldCollection:
    """The clients of one list, complete, in the API's order.

    A scan of a large collection is fresh for longer than a page, so it is held apart from the
    pages: a page that shows that rows moved invalidates the other pages, not the scan.
    """

    def __init__(
        self, clients: Iterable[CachedRecord], at: float, calls: int, *, drift: bool = False
    ) -> None:
        """Create it from the result of `calls` calls, the first of which was sent at `at`."""
        self.at = at
        self.calls = calls
        self.drift = drift
        """Whether rows were seen to move while it was read."""
        self._clients = {each.id: each for each in clients if not each.unreadable}
        self.weight = _weight(self._clients.values())
        """Its approximate bytes once it was searched; the entries themselves not included."""
        self._texts: dict[tuple[str, bool], tuple[ClientRecord, SearchText]] = {}
        self._unpacked: dict[str, ClientRecord] = {}
        self._records: tuple[ClientRecord, ...] | None = None
        self.revision = 0
        """Identifies its present content, among all collections."""
        self._changed()

    def __contains__(self, id: str) -> bool:
        return id in self._clients

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def clients(self) -> Sequence[CachedRecord]:
        """Return its clients with the times at which they were read."""
        return tuple(self._clients.values())

    @property
    def records(self) -> tuple[ClientRecord, ...]:
        """Return its records in the API's order."""
        if self._records is None:
            self._records = tuple(map(self._unpack, self._clients.values()))
        return self._records

    def _unpack(self, entry: CachedRecord) -> ClientRecord:
        known = self._unpacked.get(entry.id)
        if known is None:
            known = self._unpacked[entry.id] = entry.record
        return known

    def text_of(self, record: ClientRecord, *, with_notes: bool) -> SearchText:
        """Return a record's folded text, made once for each version of the record."""
        key = record.id, with_notes
        known = self._texts.get(key)
        if known is None or known[0] is not record:
            known = self._texts[key] = record, search_text(record, with_notes=with_notes)
        return known[1]

    def update(self, id: str, entry: CachedRecord | Tombstone) -> Neighbours | None:
        """Apply a later reading or a write of one of its clients.

        Return the neighbours of a client that left.
        """
        known = self._clients.get(id)
        if known is None:
            return None
        if not isinstance(entry, CachedRecord):
            return self._remove(id) if entry.at >= known.at else None
        after = merge_record(known, entry.record, entry.at)
        if isinstance(after, CachedRecord) and after is not known:
            self._clients[id] = after
            if not after.has_values_of(known):
                self._unpacked.pop(id, None)
                self._changed()
        return None

    def add(self, entry: CachedRecord, *, first: bool) -> None:
        """Add a client that the caller created, at the end where the API lists new clients."""
        others = {id: each for id, each in self._clients.items() if id != entry.id}
        own = {entry.id: entry}
        self._clients = own | others if first else others | own
        self._unpacked.pop(entry.id, None)
        self._changed()

    def _remove(self, id: str) -> Neighbours:
        ids = [END, *self._clients, END]
        index = ids.index(id)
        del self._clients[id]
        self._unpacked.pop(id, None)
        for with_notes in (False, True):
            self._texts.pop((id, with_notes), None)
        self._changed()
        return Neighbours(ids[index - 1], ids[index + 1])

    def _changed(self) -> None:
        self.revision = next(_REVISIONS)
        self._records = None


def _weight(clients: Collection[CachedRecord]) -> int:
    return 1_000 + sum(1_200 + 6 * len(each.values) for each in clients)


@dataclass(slots=True)
class DerivedRows:
    """The clients of a collection that match a question, in its order."""

    revision: int
    """The content of the collection that they were derived from."""
    rows: Sequence[ClientRecord]
    positions: Sequence[int]
    """The index of each in the collection; empty if they are sorted."""
    order: Order | None
    facets: Facets = field(compare=False)
