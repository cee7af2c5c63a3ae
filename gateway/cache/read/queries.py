"""The parameters of reads: for which operation, with which priority, and how old they may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.cache.store.keys import EntityKey, Partition

if TYPE_CHECKING:
    from gateway.cache.store.keys import ListKey
    from schema.source.records import ClientId, Fields, Window
    from schema.source.request_context import Priority, RequestContext


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The rows of a list to read."""

    operation: RequestContext
    key: ListKey
    window: Window
    fields: Fields
    oldest: float
    """The earliest time of a reading that may be part of the result."""
    fresh: float
    """Seconds; a part older than that makes the result stale."""
    priority: Priority


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """The fields of clients to read by their ids."""

    operation: RequestContext
    fields: Fields
    oldest: float
    """The earliest time of a reading that may be a result."""
    missing_oldest: float
    """The same for the absence of a client."""
    priority: Priority

    @property
    def partition(self) -> Partition:
        """Return the partition of the operation's caller."""
        return Partition(self.operation.caller)

    def key(self, id: ClientId) -> EntityKey:
        """Return the cache key of one client."""
        return EntityKey(self.partition, id)
