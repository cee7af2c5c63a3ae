"""Replaced versions of clients: a caller may have read one and now changes it."""

from cachetools import LRUCache

from gateway.cache.store.entity import CachedRecord, Held
from gateway.cache.store.keys import EntityKey, Partition
from schema.source.records import ClientRecord

_MAX_RECORDS = 1_000
"""Records held, about a kilobyte each; the least recently used are evicted first."""


class VersionHistory:
    """Records by version: they show which fields another writer changed."""

    def __init__(self) -> None:
        self._records: LRUCache[tuple[EntityKey, int], CachedRecord] = LRUCache(_MAX_RECORDS)

    def keep(self, key: EntityKey, before: Held, after: Held = None) -> None:
        """Store a record that is replaced by `after`, unless that one has the same version."""
        if not isinstance(before, CachedRecord):
            return
        same = isinstance(after, CachedRecord) and after.version == before.version
        if before.version is not None and not same:
            self._records[key, before.version] = before

    def at(self, key: EntityKey, version: int) -> ClientRecord | None:
        """Return the client as it was at this version, if it is stored."""
        kept = self._records.get((key, version))
        return None if kept is None else kept.record

    def purge(self, partition: Partition) -> None:
        """Remove all records of this caller."""
        for name in [name for name in self._records if name[0].partition == partition]:
            del self._records[name]
