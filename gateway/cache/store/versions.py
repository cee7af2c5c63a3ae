"""Versions of clients that were replaced lately: what somebody may have read and now changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import LRUCache

from gateway.cache.store.entity import version_of

if TYPE_CHECKING:
    from gateway.cache.store.keys import EntityKey, Partition
    from schema.source.records import ClientRecord

_KEPT = 1_000
"""Records kept, those asked for last the longest: some kilobytes each."""


class VersionHistory:
    """Records by version, of which a change can be told apart from somebody else's."""

    def __init__(self) -> None:
        self._records: LRUCache[tuple[EntityKey, int], ClientRecord] = LRUCache(_KEPT)

    def keep(self, key: EntityKey, record: ClientRecord) -> None:
        """It is about to be forgotten or replaced; without a version it is of no use."""
        version = version_of(record)
        if version is not None:
            self._records[key, version] = record

    def at(self, key: EntityKey, version: int) -> ClientRecord | None:
        """The client as it was at this version, if that was remembered."""
        return self._records.get((key, version))

    def purge(self, partition: Partition) -> None:
        """Nothing is known for this caller any more."""
        for name in [name for name in self._records if name[0].partition == partition]:
            del self._records[name]
