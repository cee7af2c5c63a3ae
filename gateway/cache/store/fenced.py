"""The cache behind its fencing tokens: the only place where readings are stored or rejected."""

import math
from collections.abc import Callable, Collection

from gateway.cache.packed import present_fields
from gateway.cache.policy.differences import Differences
from gateway.cache.policy.filters import TypeFilterSemantics
from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.policy.sort_order import SortOrder
from gateway.cache.store.change_hints import ChangeHints
from gateway.cache.store.collections import Collections
from gateway.cache.store.departures import Departures
from gateway.cache.store.entity import CachedRecord, Held, Tombstone, is_later, merge_record
from gateway.cache.store.generations import FencingToken, Generations
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.list_index import ListIndex
from gateway.cache.store.memory import Entry, MemoryStore
from gateway.cache.store.own_writes import OwnWrites
from gateway.cache.store.served_versions import ServedVersions
from gateway.cache.store.versions import VersionHistory
from schema.source.records import ClientFilter, ClientRecord, Page


class FencedCache:
    """A store that accepts a reading only if nothing was written since its request was sent.

    No method awaits, so no write can run between a check and the change that depends on it.
    """

    def __init__(self, store: MemoryStore, clock: Callable[[], float], policy: CachePolicy) -> None:
        """Create it; `clock` is strictly increasing, in seconds.

        A cached reading is kept for `policy.stale` seconds against an API that contradicts it. A
        reading may not show a write through the gateway for `policy.fresh` seconds.
        """
        self._store = store
        self._clock = clock
        self._bound = policy.stale
        self.when_purged: Callable[[Partition], None] = lambda _: None
        """Called when the API rejected a caller."""
        self.generations = Generations()
        self.hints = ChangeHints(store, self.generations, clock, policy.fresh)
        self.served = ServedVersions(clock, policy.stale)
        self.own_writes = OwnWrites(clock, policy.fresh)
        self._bases = VersionHistory()
        self.departures = Departures()
        self.collections = Collections(store, self.departures)
        self.differences = Differences()
        self.meaning = TypeFilterSemantics(policy.type_filter)
        self.order = SortOrder()

    def client(self, key: EntityKey) -> Held:
        """Return the cached entry of one client."""
        return self._held(self._store.get(key))

    def clients(self, partition: Partition, ids: Collection[str]) -> list[Held]:
        """Return the cached entries of several clients of one caller."""
        return [self._held(entry) for entry in self._store.get_clients(partition, ids)]

    def _held(self, entry: Entry | None) -> Held:
        if isinstance(entry, CachedRecord):
            known = entry.contradicted_at == -math.inf
            return entry if known else entry.within(self._clock() - self._bound)
        return entry if isinstance(entry, Tombstone) else None

    def client_at(self, key: EntityKey, version: int) -> ClientRecord | None:
        """Return the client as it was at `version`, at any age, if it is still cached."""
        known = self.client(key)
        if isinstance(known, CachedRecord) and known.version == version:
            return known.record
        return self._bases.at(key, version)

    def rows(self, key: ListKey) -> ListIndex | None:
        """Return the cached index of one list."""
        entry = self._store.get(key)
        return entry if isinstance(entry, ListIndex) else None

    def note_served(self, key: EntityKey, record: ClientRecord, at: float | None = None) -> None:
        """Note that the caller is served this record, read at `at`, stored or not."""
        if self.served.note(key, record, at):
            self.generations.bump_responses(key.partition)

    def store_page(
        self, key: ListKey, page: Page, at: float, fence: FencingToken
    ) -> dict[str, CachedRecord] | None:
        """Store a page and return the newest of each of its clients, as far as it is held.

        Return None if this caller wrote since `fence` was noted.
        """
        if self.generations.of_lists(key.partition) != fence:
            for record in page.records:
                self._supersede(EntityKey(key.partition, record.id), record, at)
            return None
        known = self.rows(key) or ListIndex(page.total, float("-inf"))
        self.differences.of_page(key, page, known, at)
        newest: dict[str, CachedRecord] = {}
        for record in page.records:
            held = self._merge(EntityKey(key.partition, record.id), record, at)
            if isinstance(held, CachedRecord):
                newest[held.id] = held
        ids = tuple(newest[id].id if id in newest else id for id in (r.id for r in page.records))
        news = known.merge(page.offset, ids, page.total, at, page.more)
        self.departures.note(key, known, news, (page.offset, page.offset + len(ids)))
        self._put(key, news)
        return newest

    def store_record(
        self, key: EntityKey, record: ClientRecord, at: float, fence: FencingToken
    ) -> Held:
        """Store a client's record and return the newest that is held.

        Return None if it was written since `fence` was noted.
        """
        if self.generations.of_client(key) != fence:
            self._supersede(key, record, at)
            return None
        return self._merge(key, record, at)

    def store_absence(self, key: EntityKey, at: float, fence: FencingToken) -> Held:
        """Store that there is no such client, and return what is held then.

        Return None if it was written since `fence` was noted.
        """
        held = self.client(key)
        if self.generations.of_client(key) != fence:
            if held is not None and held.at < at and not self.own_writes.may_be_unseen(key, at):
                self.forget_client(key)
            return None
        if isinstance(held, CachedRecord) and self.own_writes.may_be_unseen(key, at):
            held = held.kept_against(at)
            self._put(key, held)
        elif held is None or held.at <= at:
            self.differences.of_absence(key, held, at)
            held = self.bury(key, at)
        return held

    def store_written(
        self,
        key: EntityKey,
        record: ClientRecord,
        at: float,
        began: float,
        *,
        created: bool = False,
    ) -> None:
        """Store the client that a write, sent at `began`, returned at `at`.

        An earlier version than the one served before `began` is accepted: the API wrote on top of
        it.
        """
        self.own_writes.note(key, record, at, created=created)
        if self.served.is_outdated(key, record, at) and not self.served.was_overtaken(key, began):
            self.served.forget(key)
        held = self._merge(key, record, at, own=True)
        if isinstance(held, CachedRecord):
            self.collections.note_written(key, held, self.order.newest)

    def bury(self, key: EntityKey, at: float) -> Tombstone:
        """Store that there is no such client; its versions start over."""
        tombstone = Tombstone(at)
        self._put(key, tombstone)
        self.served.forget(key)
        return tombstone

    def invalidate_in_flight(self, partition: Partition, key: EntityKey | None) -> None:
        """Prevent the storing of readings under way: a write begins or has ended."""
        self.generations.bump_lists(partition)
        self.generations.bump_responses(partition)
        if key is not None:
            self.generations.bump(key)

    def forget_client(self, key: EntityKey) -> None:
        """Remove a client's entry; its record stays available by its version."""
        self._bases.keep(key, self.client(key))
        self.generations.bump_responses(key.partition)
        self._store.forget(key)

    def forget_list(self, key: ListKey, left: str) -> None:
        """Clear a list that a client has left; its total stays as a hint."""
        rows = self.rows(key)
        if rows is not None:
            shorter = rows.without(left)
            if shorter is not None:
                self.departures.note(key, rows, shorter)
            self._put(key, rows.cleared())

    def revise_lists(
        self, partition: Partition, revised: Callable[[ClientFilter, ListIndex], ListIndex]
    ) -> None:
        """Change each of this caller's lists by `revised`, after a write."""
        for key in self._store.lists(partition):
            rows = self.rows(key)
            if rows is not None and (news := revised(key.where, rows)) is not rows:
                self.departures.note(key, rows, news)
                self._put(key, news)

    def forget_lists(self, partition: Partition) -> None:
        """Clear all lists of this caller: a write may have moved rows in and out of any."""
        self.collections.forget(partition)
        self.revise_lists(partition, lambda _, rows: rows.cleared())

    def purge(self, partition: Partition) -> None:
        """Remove everything of this caller, readings under way included: the API rejected it."""
        self.generations.bump(partition)
        self._store.purge(partition)
        self._bases.purge(partition)
        self.departures.purge(partition)
        self.collections.forget(partition)
        self.own_writes.purge(partition)
        self.when_purged(partition)

    def _put(self, key: EntityKey | ListKey, entry: CachedRecord | Tombstone | ListIndex) -> None:
        self.generations.bump_responses(key.partition)
        self._store.put(key, entry)
        if isinstance(entry, CachedRecord | Tombstone) and isinstance(key, EntityKey):
            self.collections.note(key, entry)

    def _supersede(self, key: EntityKey, record: ClientRecord, at: float) -> None:
        """Remove an earlier version than this one, which is not stored and may yet be served."""
        held = self.client(key)
        self.note_served(key, record, at)
        if isinstance(held, CachedRecord) and self.served.is_outdated(key, held.record):
            self.forget_client(key)

    def _merge(self, key: EntityKey, record: ClientRecord, at: float, *, own: bool = False) -> Held:
        """Merge a reading sent at `at` into the cache, and return the newest that is held.

        A version earlier than one already served has two explanations. If its request was sent
        before the later version arrived, the response was overtaken: it is dropped. If its request
        was sent afterwards, it comes from a replica that lags, or the API was restored from a
        backup: the cached record is served in its place, marked by its age, for up to `bound`
        seconds. Without a cached record that is as complete, the reading is stored.
        """
        before = self.client(key)
        if self.served.is_outdated(key, record, at):
            if self.served.was_overtaken(key, at):
                return before
            if isinstance(before, CachedRecord) and self._can_replace(key, before, record):
                before = before.kept_against(at)
                self._put(key, before)
                return before
            self.served.forget(key)
        self.hints.compare(key, None if own else before, record)
        self.note_served(key, record, at)
        after = merge_record(None if is_later(before, record, at) else before, record, at)
        self._bases.keep(key, before, after)
        if before is None and isinstance(after, CachedRecord):
            key = EntityKey(key.partition, after.id)  # one string for the entry's name and its id
        self.differences.of_record(key, before, after, at)
        self._put(key, after)
        return after

    def _can_replace(self, key: EntityKey, known: CachedRecord, record: ClientRecord) -> bool:
        """Return True if `known` can be served in the place of `record`."""
        young = min(known.at, known.other_fields_at) >= self._clock() - self._bound
        whole = present_fields(record) <= known.shape.fields
        return young and whole and not self.served.is_outdated(key, known.record)
