"""What is remembered, behind its fences: the one place where answers are kept or refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from cachetools import LRUCache

from gateway.cache.store.cached_response import CachedResponse
from gateway.cache.store.departures import Departures
from gateway.cache.store.entity import (
    CachedRecord,
    Tombstone,
    merge_record,
    present_fields,
    version_of,
)
from gateway.cache.store.generations import Generations
from gateway.cache.store.keys import EntityKey
from gateway.cache.store.list_index import ListIndex
from gateway.cache.store.versions import VersionHistory

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cache.store.generations import FencingToken
    from gateway.cache.store.keys import ListKey, Partition, ResponseKey
    from gateway.cache.store.memory import Store
    from schema.source.records import ClientFilter, ClientRecord, Page

_VERSIONS = 20_000
"""Versions held against answers that overtake each other: two hundred full pages in flight."""
_WRITTEN = 10_000
"""Clients written through us that a 404 does not make absent at once."""


class SeenVersion(NamedTuple):
    """The highest version of a client that its caller was told."""

    version: int
    landed: float
    """When an answer first told it. What is asked after that should tell no earlier one."""
    at: float
    """When a reading was last sent that told it."""


class FencedCache:
    """A store that takes an answer only if nothing was written since its question was sent.

    Its methods never wait, so nothing can come between a check and the deed.
    """

    def __init__(
        self, store: Store, clock: Callable[[], float], *, bound: float = 300, lag: float = 30
    ) -> None:
        """`clock` is rising, in seconds.

        `bound`: seconds for which what was read stands against an API that contradicts it;
        `lag`: seconds after a write through us for which a 404 may be that of a replica.
        """
        self._store = store
        self._clock = clock
        self._bound = bound
        self._lag = lag
        self._generations = Generations()
        self._versions: LRUCache[EntityKey, SeenVersion] = LRUCache(_VERSIONS)
        self._written: LRUCache[EntityKey, float] = LRUCache(_WRITTEN)
        self._bases = VersionHistory()
        self.departures = Departures()

    def client(self, key: EntityKey) -> CachedRecord | Tombstone | None:
        """What is known of one client."""
        entry = self._store.get(key)
        if isinstance(entry, CachedRecord):
            return entry.within(self._clock() - self._bound)
        return entry if isinstance(entry, Tombstone) else None

    def client_at(self, key: EntityKey, version: int) -> ClientRecord | None:
        """The client as it was at `version`, if that is remembered still; at whatever age."""
        known = self.client(key)
        if isinstance(known, CachedRecord) and known.record.version == version:
            return known.record
        return self._bases.at(key, version)

    def rows(self, key: ListKey) -> ListIndex | None:
        """What is known of one list."""
        entry = self._store.get(key)
        return entry if isinstance(entry, ListIndex) else None

    def is_outdated(self, key: EntityKey, record: ClientRecord, at: float | None = None) -> bool:
        """Whether the caller was already told a later version of this client.

        `at`: when the reading was sent that tells this one; now, where it is left out. What was
        told is forgotten after `bound` seconds, as an API may be restored from a backup.
        """
        version, seen = version_of(record), self._versions.get(key)
        if version is None or seen is None or version >= seen.version:
            return False
        return (self._clock() if at is None else at) <= seen.at + self._bound

    def note_served(self, key: EntityKey, record: ClientRecord, at: float | None = None) -> None:
        """The caller is told this record, read at `at`, whether or not it could be kept."""
        version = version_of(record)
        if version is None:
            return
        now, seen = self._clock(), self._versions.get(key)
        if seen is not None and seen.version == version:
            self._versions[key] = seen._replace(at=max(seen.at, seen.at if at is None else at))
        elif not self.is_outdated(key, record, at):
            self._generations.bump_responses(key.partition)
            self._versions[key] = SeenVersion(version, now, now if at is None else at)

    def lists_token(self, partition: Partition) -> FencingToken:
        """To be noted before a list is asked for."""
        return self._generations.of_lists(partition)

    def client_token(self, key: EntityKey) -> FencingToken:
        """To be noted before a client is asked for."""
        return self._generations.of_client(key)

    def store_page(self, key: ListKey, page: Page, at: float, fence: FencingToken) -> bool:
        """Keep a page and its clients, unless this caller wrote since `fence` was noted."""
        if self._generations.of_lists(key.partition) != fence:
            return False
        known, ids = (
            self.rows(key) or ListIndex(page.total, float("-inf")),
            tuple(r.id for r in page.records),
        )
        for record in page.records:
            self._merge(EntityKey(key.partition, record.id), record, at)
        news = known.merge(page.offset, ids, page.total, at, page.more)
        self.departures.note(key, known, news, (page.offset, page.offset + len(ids)))
        self._put(key, news)
        return True

    def store_record(
        self, key: EntityKey, record: ClientRecord, at: float, fence: FencingToken
    ) -> bool:
        """Keep a client's record, unless it was written since `fence` was noted."""
        if self._generations.of_client(key) != fence:
            return False
        self._merge(key, record, at)
        return True

    def store_absence(self, key: EntityKey, at: float, fence: FencingToken) -> bool:
        """Keep that there is no such client, unless it was written since `fence` was noted."""
        if self._generations.of_client(key) != fence:
            return False
        known = self.client(key)
        if isinstance(known, CachedRecord) and at < self._written.get(key, -math.inf) + self._lag:
            # Not every replica of the API need know yet of what was written a moment ago.
            self._put(key, known.kept_against(at))
        elif known is None or known.at <= at:
            self.deleted(key, at)
        return True

    def store_written(self, key: EntityKey, record: ClientRecord, at: float, began: float) -> None:
        """Keep what a write that was sent at `began` said at `at` the client now is.

        An earlier version than was told before `began` is believed: the API wrote on top of it.
        """
        self._written[key] = at
        if self.is_outdated(key, record, at) and began >= self._versions[key].landed:
            del self._versions[key]
        self._merge(key, record, at)

    def deleted(self, key: EntityKey, at: float) -> None:
        """Keep that a write found or left no such client; its versions begin anew."""
        self._put(key, Tombstone(at))
        self._versions.pop(key, None)
        self._written.pop(key, None)

    def invalidate_in_flight(self, partition: Partition, key: EntityKey | None) -> None:
        """A write begins or has ended: what is being read now is not to be kept."""
        self._generations.bump_lists(partition)
        self._generations.bump_responses(partition)
        if key is not None:
            self._generations.bump_client(key)

    def forget_client(self, key: EntityKey) -> None:
        """Nothing is known of this client any more, but what it was at its version."""
        known = self.client(key)
        if isinstance(known, CachedRecord):
            self._bases.keep(key, known.record)
        self._generations.bump_responses(key.partition)
        self._store.forget(key)

    def forget_list(self, key: ListKey, left: str | None = None) -> None:
        """Rows may have moved, or `left` it; how many they were remains as a hint."""
        rows = self.rows(key)
        if rows is not None:
            shorter = None if left is None else rows.without(left)
            if shorter is not None:
                self.departures.note(key, rows, shorter)
            self._put(key, rows.cleared())

    def revise_lists(
        self, partition: Partition, revised: Callable[[ClientFilter, ListIndex], ListIndex]
    ) -> None:
        """A write of this caller changes each of its lists as `revised` says."""
        for key in self._store.lists(partition):
            rows = self.rows(key)
            if rows is not None and (news := revised(key.where, rows)) is not rows:
                self.departures.note(key, rows, news)
                self._put(key, news)

    def forget_lists(self, partition: Partition) -> None:
        """A write may have moved rows in and out of any list of its caller."""
        self.revise_lists(partition, lambda _, rows: rows.cleared())

    def responses_token(self, partition: Partition) -> FencingToken:
        """To be noted before a caller is answered from memory."""
        return self._generations.of_responses(partition)

    def response(self, key: ResponseKey) -> CachedResponse | None:
        """The answer kept to a question, whether or not it may still be told."""
        entry = self._store.get(key)
        return entry if isinstance(entry, CachedResponse) else None

    def store_response(self, key: ResponseKey, told: CachedResponse) -> None:
        """Keep an answer; nothing it is made of changes by that."""
        self._store.put(key, told)

    def purge(self, partition: Partition) -> None:
        """The API refused this caller: nothing is known, and nothing in flight will be."""
        self._generations.bump_caller(partition)
        self._store.purge(partition)
        self._bases.purge(partition)
        self.departures.purge(partition)

    def _put(self, key: EntityKey | ListKey, entry: CachedRecord | Tombstone | ListIndex) -> None:
        self._generations.bump_responses(key.partition)
        self._store.put(key, entry)

    def _merge(self, key: EntityKey, record: ClientRecord, at: float) -> None:
        """Take a reading sent at `at` for what it is worth.

        An earlier version than one told before is an answer that was overtaken, if it was asked
        for before that one arrived: it is dropped. Asked for later, it is a replica's that lags,
        or a backup's that was restored: what is held is told in its place, flagged by its age,
        for up to `bound` seconds, and it is believed where nothing is held that tells as much.
        """
        before = self.client(key)
        if self.is_outdated(key, record, at):
            if at < self._versions[key].landed:
                return
            if isinstance(before, CachedRecord) and self._holds(key, before, record):
                self._put(key, before.kept_against(at))
                return
            del self._versions[key]
        self.note_served(key, record, at)
        after = merge_record(None if _is_later(before, record, at) else before, record, at)
        if (
            isinstance(before, CachedRecord)
            and isinstance(after, CachedRecord)
            and before.record.version != after.record.version
        ):
            self._bases.keep(key, before.record)
        self._put(key, after)

    def _holds(self, key: EntityKey, known: CachedRecord, record: ClientRecord) -> bool:
        """Whether what is `known` can be told in the place of `record`."""
        young = min(known.at, known.other_fields_at) >= self._clock() - self._bound
        whole = known.record.complete or present_fields(record) <= present_fields(known.record)
        return young and whole and not self.is_outdated(key, known.record)


def _is_later(before: CachedRecord | Tombstone | None, record: ClientRecord, at: float) -> bool:
    """Whether what is known is a later version than `record`, which is read later and believed."""
    if not isinstance(before, CachedRecord) or at < before.at:
        return False
    old, new = version_of(before.record), version_of(record)
    return old is not None and new is not None and new < old
