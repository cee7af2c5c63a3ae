"""The effects of writes on the cache, whichever gateway sent them."""

from collections.abc import Callable

from cachetools import LRUCache

from gateway.cache.coherence.events import WriteBegan, WriteEnded
from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.generations import FencingToken
from gateway.cache.store.keys import EntityKey, Partition
from gateway.cache.write import list_updates
from schema.source.records import ClientRecord

_MAX_OPEN = 10_000
"""Writes under way whose begin is held."""


class WriteEffects:
    """Invalidates as a write begins and ends, and stores the outcome that is known."""

    def __init__(self, memory: FencedCache) -> None:
        self._memory = memory
        self.when_began: Callable[[WriteBegan], None] = lambda _: None
        """Called with each write, before its effect."""
        self.when_ended: Callable[[WriteEnded], None] = lambda _: None
        """Called with the end of each write, before its effect."""
        self._open: LRUCache[str, FencingToken] = LRUCache(_MAX_OPEN)
        self._by_kind: dict[str, Callable[[EntityKey, WriteEnded], None]] = {
            "updated": self._updated,
            "deleted": self._deleted,
            "absent": self._deleted,
            "gone": self._gone,
            "conflict": self._conflict,
            "maybe": self._conflict,
        }

    def began(self, event: WriteBegan) -> None:
        """Prevent the storing of readings under way."""
        self.when_began(event)
        partition = Partition.alone(event.partition)
        key = None if event.id is None else EntityKey(partition, event.id)
        self._memory.invalidate_in_flight(partition, key)
        if key is not None:
            self._open[event.write] = self._memory.generations.of_client(key)

    def ended(self, event: WriteEnded) -> None:
        """Prevent the storing of readings under way, and store what is known."""
        self.when_ended(event)
        partition = Partition.alone(event.partition)
        key = None if event.id is None else EntityKey(partition, event.id)
        overlapped = self._was_overlapped(event, key)
        self._memory.invalidate_in_flight(partition, key)
        if event.claimed is not None:
            self._for_user(Partition.alone(event.claimed), event, overlapped=overlapped)
        if event.kind == "rejected":
            self._memory.purge(partition)
        elif event.kind == "unknown" or (overlapped and event.kind == "updated"):
            self._forget(partition, key)
        elif event.kind == "created" and event.record is not None:
            self._created(partition, event, event.record)
        elif key is not None and event.kind in self._by_kind:
            self._by_kind[event.kind](key, event)

    def _was_overlapped(self, event: WriteEnded, key: EntityKey | None) -> bool:
        """Return True if another write of the client overlapped: the last one is unknown."""
        if key is None or event.kind == "created":
            return False
        token = self._open.pop(event.write, None)
        return token != self._memory.generations.of_client(key)

    def _for_user(self, claimed: Partition, event: WriteEnded, *, overlapped: bool) -> None:
        """Invalidate for the user whom an unproven token names; note the write, if accepted."""
        is_create = event.kind == "created"
        named = None if event.id is None else EntityKey(claimed, event.id)
        key = None if is_create else named
        self._memory.invalidate_in_flight(claimed, key)
        self._forget(claimed, key)
        if named is None or overlapped or event.kind not in {"created", "updated", "deleted"}:
            return
        self._memory.own_writes.note(named, event.record, event.at, created=is_create)

    def _created(self, partition: Partition, event: WriteEnded, record: ClientRecord) -> None:
        key, types = EntityKey(partition, record.id), self._memory.meaning.types
        row = list_updates.CreatedRow(record, event.at, self._memory.order.newest)
        self._memory.store_written(key, record, event.at, event.at, created=True)
        self._memory.revise_lists(
            partition, lambda where, rows: list_updates.apply_create(where, rows, row, types)
        )

    def _updated(self, key: EntityKey, event: WriteEnded) -> None:
        if event.record is None:
            return
        self._memory.store_written(key, event.record, event.at, event.began)
        held, before, types = self._memory.client(key), event.before, self._memory.meaning.types
        after = held.record if isinstance(held, CachedRecord) else event.record
        self._memory.revise_lists(
            key.partition,
            lambda where, rows: list_updates.apply_update(where, rows, before, after, types),
        )

    def _conflict(self, key: EntityKey, event: WriteEnded) -> None:
        if event.kind == "maybe":
            self._memory.forget_lists(key.partition)
        self._memory.forget_client(key)
        if event.record is not None:
            self._memory.store_written(key, event.record, event.began, event.began)

    def _deleted(self, key: EntityKey, event: WriteEnded) -> None:
        """Store a deletion, which a list that lags may not show."""
        self._memory.own_writes.note(key, None, event.at)
        self._gone(key, event)

    def _gone(self, key: EntityKey, event: WriteEnded) -> None:
        before, types = event.before, self._memory.meaning.types
        self._memory.bury(key, event.at)
        self._memory.revise_lists(
            key.partition,
            lambda where, rows: list_updates.apply_delete(where, rows, key.id, before, types),
        )

    def _forget(self, partition: Partition, key: EntityKey | None) -> None:
        self._memory.forget_lists(partition)
        if key is not None:
            self._memory.forget_client(key)
