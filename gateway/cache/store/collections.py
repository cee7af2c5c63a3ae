"""The held collections of all callers, and what was derived from them."""

from collections.abc import Iterator
from functools import partial
from typing import Literal

from cachetools import LRUCache

from gateway.cache.store.collection import DerivedRows, HeldCollection
from gateway.cache.store.departures import Departures
from gateway.cache.store.entity import CachedRecord, Tombstone
from gateway.cache.store.keys import CollectionKey, DerivedKey, EntityKey, ListKey, Partition
from gateway.cache.store.memory import MemoryStore
from schema.source.records import ClientFilter, ClientRecord

_MAX_CALLERS = 20_000
"""Callers whose collections are kept current; those of evicted callers are removed."""


class Collections:
    """Collections in the store of entries, within the same bounds."""

    def __init__(self, store: MemoryStore, departures: Departures) -> None:
        self._store = store
        self._departures = departures
        self._held: LRUCache[Partition, set[CollectionKey]] = LRUCache(_MAX_CALLERS)

    def get(self, key: CollectionKey) -> HeldCollection | None:
        """Return a collection, whatever its age."""
        if key not in self._held.get(key.partition, ()):
            return None
        entry = self._store.get(key)
        return entry if isinstance(entry, HeldCollection) else None

    def put(self, key: CollectionKey, held: HeldCollection) -> None:
        """Store a collection in the place of an older one."""
        before = self.get(key)
        if before is not None:
            self._departures.note_replaced(ListKey(key.partition, key.where), before, held)
        self._store.forget_derived(key)
        self._held.setdefault(key.partition, set()).add(key)
        self._store.put(key, held)

    def fits(self, partition: Partition, some: HeldCollection, total: int) -> bool:
        """Return True if `total` clients like those of `some` may be held for this caller."""
        return some.weight * total <= self._store.room(partition) * max(1, len(some))

    def derived(self, key: DerivedKey) -> DerivedRows | None:
        """Return what was derived for a question, perhaps from another revision."""
        entry = self._store.get(key)
        return entry if isinstance(entry, DerivedRows) else None

    def put_derived(self, key: DerivedKey, rows: DerivedRows) -> None:
        """Store what was derived for a question."""
        rows.facets.when_grown = partial(self._store.grow, key, rows)
        self._store.put(key, rows)

    def note(self, key: EntityKey, entry: CachedRecord | Tombstone) -> None:
        """Apply a reading or a write of one client to the caller's collections."""
        for name, held in self._of(key.partition):
            before = held.weight
            left = held.update(key.id, entry)
            self._store.grow(name, held, held.weight - before)
            if left is not None:
                self._departures.note_one(ListKey(name.partition, name.where), key.id, left)

    def note_written(
        self, key: EntityKey, entry: CachedRecord, newest: Literal["first", "last"] | None
    ) -> None:
        """Add a client that the caller wrote to the collections that it belongs to since."""
        for name, held in self._of(key.partition):
            if key.id not in held and _belongs(name.where, entry.record):
                before = held.weight
                held.add(entry, first=newest != "last")
                self._store.grow(name, held, held.weight - before)

    def forget(self, partition: Partition) -> None:
        """Remove this caller's collections."""
        for key in self._held.pop(partition, ()):
            self._store.forget_derived(key)
            self._store.forget(key)

    def _of(self, partition: Partition) -> Iterator[tuple[CollectionKey, HeldCollection]]:
        for key in list(self._held.get(partition, ())):
            held = self._store.peek(key)
            if isinstance(held, HeldCollection):
                yield key, held
            else:
                self._held[partition].discard(key)


def _belongs(where: ClientFilter, record: ClientRecord) -> bool:
    """Return True if the record's own values are those of the filter."""
    return where.client_type in {None, record.client_type} and where.status in {
        None,
        record.status,
    }
