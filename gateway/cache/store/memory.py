"""The in-memory store: bounded in bytes, with a fair share for every caller."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Collection
from itertools import takewhile
from typing import NamedTuple

from gateway.cache.store.collection import DerivedRows, HeldCollection, size_of
from gateway.cache.store.entity import CachedRecord, Tombstone
from gateway.cache.store.generations import FencingToken
from gateway.cache.store.keys import CollectionKey, EntryName, Key, ListKey, Partition, name_of
from gateway.cache.store.list_index import ListIndex
from gateway.gzipped import CompressibleData
from schema.source.records import ClientFilter

Validator = tuple["FencingToken", str | None, int]
"""The state that a response depends on: its caller's fencing token, the filter's meaning, and the
number of times that all responses were discarded."""


class CachedResponse(NamedTuple):
    """The encoded data of a response, and its validator."""

    data: CompressibleData
    basis: Validator
    at: float
    """When its oldest part was read."""
    saved: int
    longer: float = 0
    """Seconds for which all of it stays fresh beyond the lifetime of other entries."""


Entry = CachedRecord | Tombstone | ListIndex | CachedResponse | HeldCollection | DerivedRows

MEBIBYTE = 1024 * 1024


class MemoryStore:
    """A store in this process, of at most `max_bytes`.

    While there are other callers, one caller's entries take at most `share` of it. The entries of a
    caller without a request for `idle` seconds are removed, unless a collection is held for longer.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        max_bytes: int = 64 * MEBIBYTE,
        share: float = 0.1,
        idle: float = 300,
    ) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._share = max_bytes * share
        self._idle = idle
        self._partitions: OrderedDict[Partition, _PartitionEntries] = OrderedDict()
        self._held = 0
        self.dropped = {"room": 0, "idle": 0}
        """Entries removed to make room, and those of idle callers."""

    @property
    def held_bytes(self) -> int:
        """Return an estimate of the memory held by entries and their keys."""
        return self._held

    def get(self, key: Key) -> Entry | None:
        """Return the entry under `key`, if it is still stored."""
        partition, name = key[0], name_of(key)
        entries = self._partitions.get(partition)
        if entries is None:
            return None
        self._touch(partition, entries)
        entry = entries.get(name)
        if entry is not None:
            entries.move_to_end(name)
        return entry

    def get_clients(self, partition: Partition, ids: Collection[str]) -> list[Entry | None]:
        """Return the entries of several clients of one caller."""
        entries = self._partitions.get(partition)
        if entries is None:
            return [None for _ in ids]
        self._touch(partition, entries)
        found = list(map(entries.get, ids))
        for id, entry in zip(ids, found, strict=True):
            if entry is not None:
                entries.move_to_end(id)
        return found

    def put(self, key: Key, entry: Entry) -> None:
        """Store `entry`.

        To make room, the oldest entries of its own caller go first, then those of the caller idle
        longest.
        """
        partition, name = key[0], name_of(key)
        self._drop_idle()
        entries = self._partitions.get(partition)
        if entries is None:
            entries = self._partitions[partition] = _PartitionEntries()
            self._held += entries.weight
            if len(self._partitions) == 2:  # noqa: PLR2004 - the first caller now has to share
                self._keep_within(next(iter(self._partitions)), self._share)
        self._touch(partition, entries)
        weight = entry_weight(name, entry)
        if weight > self._max_bytes:
            self.forget(key)
            return
        self._held += entries.put(name, entry, weight)
        if isinstance(entry, HeldCollection):
            entries.kept_until = max(entries.kept_until, entries.used_at + entry.kept_for)
        self._make_room(partition)

    def grow(self, key: Key, entry: HeldCollection | DerivedRows, more: int) -> None:
        """Count `more` bytes of an entry, whose weight includes them, if it is still stored."""
        entries = self._partitions.get(key[0])
        if entries is not None and entries.get(name_of(key)) is entry:
            entries.weight += more
            self._held += more
            self._make_room(key[0])

    def forget(self, key: Key) -> None:
        """Remove the entry under `key`."""
        partition, name = key[0], name_of(key)
        entries = self._partitions.get(partition)
        if entries is not None:
            self._held -= entries.remove(name)
            self._drop_if_empty(partition)

    def forget_derived(self, key: CollectionKey) -> None:
        """Remove what was derived from a collection, which holds the clients of that reading."""
        entries = self._partitions.get(key.partition)
        if entries is None:
            return
        for name, entry in list(entries.items()):
            if isinstance(entry, DerivedRows) and isinstance(name, tuple) and name[0] == key.where:
                self._held -= entries.remove(name)
        self._drop_if_empty(key.partition)

    def room(self, partition: Partition) -> float:
        """Return the bytes that the entries of one caller may take now."""
        alone = len(self._partitions) <= (partition in self._partitions)
        return self._max_bytes if alone else self._share

    def lists(self, partition: Partition) -> list[ListKey]:
        """Return the keys of all lists stored for one caller."""
        names = self._partitions.get(partition, ())
        return [ListKey(partition, name) for name in names if isinstance(name, ClientFilter)]

    def partitions(self) -> list[Partition]:
        """Return the callers for whom anything is stored."""
        return list(self._partitions)

    def peek(self, key: Key) -> Entry | None:
        """Return the entry under `key`; neither it nor its caller counts as used."""
        partition, name = key[0], name_of(key)
        entries = self._partitions.get(partition)
        return None if entries is None else entries.get(name)

    def purge(self, partition: Partition) -> None:
        """Remove everything stored for one caller."""
        entries = self._partitions.pop(partition, None)
        if entries is not None:
            self._held -= entries.weight

    def _touch(self, partition: Partition, entries: "_PartitionEntries") -> None:
        entries.used_at = self._clock()
        self._partitions.move_to_end(partition)

    def _drop_idle(self) -> None:
        now = self._clock()
        callers = self._partitions.items()
        idle = list(takewhile(lambda item: item[1].used_at < now - self._idle, callers))
        for partition, entries in idle:
            if entries.kept_until < now:
                self.dropped["idle"] += len(entries)
                self.purge(partition)

    def _make_room(self, partition: Partition) -> None:
        self._keep_within(partition, self.room(partition))
        while self._held > self._max_bytes:
            self._drop_one(next(iter(self._partitions)))

    def _keep_within(self, partition: Partition, limit: float) -> None:
        while partition in self._partitions and self._partitions[partition].weight > limit:
            self._drop_one(partition)

    def _drop_one(self, partition: Partition) -> None:
        entries = self._partitions[partition]
        self._held -= entries.remove(next(iter(entries)))
        self.dropped["room"] += 1
        self._drop_if_empty(partition)

    def _drop_if_empty(self, partition: Partition) -> None:
        if not self._partitions[partition]:
            self.purge(partition)


class _PartitionEntries(OrderedDict[EntryName, Entry]):
    """One caller's entries, the least recently used first."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = PARTITION
        """Estimated bytes of the entries, their names and this mapping."""
        self.used_at = 0.0
        self.kept_until = 0.0
        """When a collection that cost many calls may be removed, though its caller is idle."""

    def put(self, name: EntryName, entry: Entry, weight: int) -> int:
        """Store an entry as the most recently used, and return by how much the weight grew."""
        before = self.get(name)
        growth = weight - (0 if before is None else entry_weight(name, before))
        self[name] = entry  # a name that was stored stays the same object, which lists share
        self.move_to_end(name)
        self.weight += growth
        return growth

    def remove(self, name: EntryName) -> int:
        """Remove an entry, if it is stored, and return its weight."""
        entry = self.pop(name, None)
        weight = 0 if entry is None else entry_weight(name, entry)
        self.weight -= weight
        return weight


PARTITION = 700
"""Bytes of a caller's mapping without its entries."""
_SLOT = 150
"""Bytes of an entry's place in that mapping."""
_RECORD = 152
"""Bytes of a record's entry, with its time."""
_LIST, _SPAN, _RESPONSE, _DERIVED, _TOMBSTONE = 300, 150, 360, 1_000, 48


def entry_weight(name: EntryName, entry: Entry) -> int:
    """Return the approximate bytes of an entry and its name.

    The constants were measured on CPython 3.11; tests/cache/test_sizes.py compares the weights with
    what the interpreter allocates.
    """
    weight = _SLOT + sys.getsizeof(name)
    if isinstance(entry, CachedRecord):
        return weight + _RECORD + sys.getsizeof(entry.values)
    if isinstance(entry, ListIndex):
        return weight + _LIST + sum(_SPAN + 8 * len(span.ids) for span in entry.spans)
    if isinstance(entry, HeldCollection):
        return weight + entry.weight
    if isinstance(entry, DerivedRows):
        places = 8 * len(entry.rows) + 40 * len(entry.positions)
        return weight + _DERIVED + size_of(name) + places + entry.facets.weight
    if isinstance(entry, CachedResponse):
        return weight + _RESPONSE + entry.data.weight
    return weight + _TOMBSTONE
