"""Replaced versions of clients: a caller may have read one and now changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import LRUCache

from gateway.cache.store.entity import version_of

if TYPE_CHECKING:
    from gateway.cache.store.keys import EntityKey, Partition
    from schema.source.records import ClientRecord

_MAX_RECORDS = 1_000
"""Records held, some kilobytes each; the least recently used are evicted first."""


class VersionHistory:
    """Records by version: they show which fields another writer changed."""

    def __init__(self) -> None:
        self._records: LRUCache[tuple[EntityKey, int], ClientRecord] = LRUCache(_MAX_RECORDS)

    def keep(self, key: EntityKey, record: ClientRecord) -> None:
        """Store a record that is about to be replaced; one without a version is of no use."""
        version = version_of(record)
        if version is not None:
            self._records[key, version] = record

    def at(self, key: EntityKey, version: int) -> ClientRecord | None:
        """Return the client as it was at this version, if it is stored."""
        return self._records.get((key, version))

    def purge(self, partition: Partition) -> None:
        """Remove all records of this caller."""
        for name in [name for name in self._records if name[0].partition == partition]:
            del self._records[name]
