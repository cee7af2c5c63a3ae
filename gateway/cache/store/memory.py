"""The in-memory store: bounded in bytes, with a fair share for every caller."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from cachetools import LRUCache

from gateway.cache.store.collection import DerivedRows, HeldCollection
from gateway.cache.store.entity import CachedRecord, Tombstone
from gateway.cache.store.generations import FencingToken
from gateway.cache.store.keys import Key, ListKey, Partition
from gateway.cache.store.list_index import ListIndex
from gateway.gzipped import CompressibleData

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


Entry = CachedRecord | Tombstone | ListIndex | CachedResponse | HeldCollection | DerivedRows

MEBIBYTE = 1024 * 1024
_SAMPLE = 50
"""Clients of a collection that its size is estimated by."""
_KEY = 400
"""Bytes of an entry's key and its places in the mappings, measured on CPython 3.11."""


class MemoryStore:
    """A store in this process, of at most `max_bytes`.

    While there are other callers, one caller's entries take at most `share` of it. The entries of a
    caller without a request for `idle` seconds are removed.
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
        self._partitions: OrderedDict[Partition, _PartitionLRU] = OrderedDict()
        self._held = 0.0
        self.dropped = {"room": 0, "idle": 0}
        """Entries removed to make room, and those of idle callers."""

    @property
    def held_bytes(self) -> int:
        """Return an estimate of the memory held by entries and their keys."""
        return int(self._held)

    def get(self, key: Key) -> Entry | None:
        """Return the entry under `key`, if it is still stored."""
        entries = self._partitions.get(key.partition)
        if entries is None:
            return None
        self._touch(key.partition, entries)
        return entries.get(key)

    def put(self, key: Key, entry: Entry) -> None:
        """Store `entry`.

        To make room, the oldest entries of its own caller go first, then those of the caller idle
        longest.
        """
        self._drop_idle()
        entries = self._partitions.get(key.partition)
        if entries is None:
            entries = self._partitions[key.partition] = _PartitionLRU(self._max_bytes)
            if len(self._partitions) == 2:  # noqa: PLR2004 - the first caller now has to share
                self._keep_to_share(next(iter(self._partitions)))
        self._touch(key.partition, entries)
        self._insert(entries, key, entry)
        self._drop_if_empty(key.partition)
        if len(self._partitions) > 1 and key.partition in self._partitions:
            self._keep_to_share(key.partition)
        while self._held > self._max_bytes:
            self._drop_one(next(iter(self._partitions)))

    def forget(self, key: Key) -> None:
        """Remove the entry under `key`."""
        entries = self._partitions.get(key.partition)
        if entries is not None:
            self._held -= entries.currsize
            entries.pop(key, None)
            self._held += entries.currsize
            self._drop_if_empty(key.partition)

    def lists(self, partition: Partition) -> list[ListKey]:
        """Return the keys of all lists stored for one caller."""
        entries = self._partitions.get(partition)
        return [] if entries is None else [key for key in entries if isinstance(key, ListKey)]

    def partitions(self) -> list[Partition]:
        """Return the callers for whom anything is stored."""
        return list(self._partitions)

    def peek(self, key: Key) -> Entry | None:
        """Return the entry under `key`; its caller does not count as active."""
        entries = self._partitions.get(key.partition)
        return None if entries is None else entries.get(key)

    def purge(self, partition: Partition) -> None:
        """Remove everything stored for one caller."""
        entries = self._partitions.pop(partition, None)
        if entries is not None:
            self._held -= entries.currsize

    def _insert(self, entries: _PartitionLRU, key: Key, entry: Entry) -> None:
        self._held -= entries.currsize
        expected = len(entries) + (key not in entries)
        try:
            entries[key] = entry
            self.dropped["room"] += expected - len(entries)
        except ValueError:  # it is larger than the store
            entries.pop(key, None)
        self._held += entries.currsize

    def _touch(self, partition: Partition, entries: _PartitionLRU) -> None:
        entries.used_at = self._clock()
        self._partitions.move_to_end(partition)

    def _drop_idle(self) -> None:
        present_since = self._clock() - self._idle
        for partition, entries in list(self._partitions.items()):
            if entries.used_at >= present_since:
                break
            self.dropped["idle"] += len(entries)
            self.purge(partition)

    def _keep_to_share(self, partition: Partition) -> None:
        while partition in self._partitions and self._partitions[partition].currsize > self._share:
            self._drop_one(partition)

    def _drop_one(self, partition: Partition) -> None:
        entries = self._partitions[partition]
        self._held -= entries.currsize
        entries.popitem()
        self.dropped["room"] += 1
        self._held += entries.currsize
        self._drop_if_empty(partition)

    def _drop_if_empty(self, partition: Partition) -> None:
        if not self._partitions[partition]:
            del self._partitions[partition]


class _PartitionLRU(LRUCache["Key", Entry]):
    """One caller's entries."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes, getsizeof=estimate_size)
        self.used_at = 0.0


def estimate_size(entry: Entry) -> int:
    """Return the approximate bytes of an entry and its key."""
    if isinstance(entry, CachedRecord):
        return _KEY + 250 + sum(map(_size, msgspec.structs.astuple(entry.record)))
    if isinstance(entry, ListIndex):
        return _KEY + sum(200 + 100 * len(span.ids) for span in entry.spans)
    if isinstance(entry, HeldCollection):
        return _KEY + _size_of_all(entry.clients)
    if isinstance(entry, DerivedRows):
        return 3 * _KEY + 16 * len(entry.rows)
    if isinstance(entry, CachedResponse):
        return 2 * _KEY + entry.data.weight
    return _KEY


def _size_of_all(clients: Sequence[CachedRecord]) -> int:
    """Return the approximate bytes of a collection's clients and their folded texts, by some."""
    some = clients[:: max(1, len(clients) // _SAMPLE)]
    return len(clients) * sum(map(estimate_size, some)) // max(1, len(some))


def _size(value: object) -> int:
    own = sys.getsizeof(value) + 8
    if isinstance(value, dict):
        return own + sum(_size(key) + _size(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return own + sum(map(_size, value))
    return own if isinstance(value, str | float | int) and not isinstance(value, bool) else 8
