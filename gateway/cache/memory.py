"""What is remembered, behind its fences: the one place where answers are kept or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import LRUCache

from gateway.cache.answers import Told
from gateway.cache.bases import Bases
from gateway.cache.entities import Gone, Known, learnt, version_of
from gateway.cache.generations import Generations
from gateway.cache.keys import EntityKey
from gateway.cache.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cache.generations import Fence
    from gateway.cache.keys import AnswerKey, ListKey, Partition
    from gateway.cache.store import Store
    from schema.source import ClientFilter, ClientRecord, Page

_VERSIONS = 20_000
"""Versions held against answers that overtake each other: two hundred full pages in flight."""


class Memory:
    """A store that takes an answer only if nothing was written since its question was sent.

    Its methods never wait, so nothing can come between a check and the deed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._generations = Generations()
        self._versions: LRUCache[EntityKey, int] = LRUCache(_VERSIONS)
        self._bases = Bases()

    def client(self, key: EntityKey) -> Known | Gone | None:
        """What is known of one client."""
        entry = self._store.get(key)
        return entry if isinstance(entry, Known | Gone) else None

    def client_at(self, key: EntityKey, version: int) -> ClientRecord | None:
        """The client as it was at `version`, if that is remembered still; at whatever age."""
        known = self.client(key)
        if isinstance(known, Known) and known.record.version == version:
            return known.record
        return self._bases.at(key, version)

    def rows(self, key: ListKey) -> Rows | None:
        """What is known of one list."""
        entry = self._store.get(key)
        return entry if isinstance(entry, Rows) else None

    def outdated(self, key: EntityKey, record: ClientRecord) -> bool:
        """Whether the caller was already told a later version of this client."""
        version, told = version_of(record), self._versions.get(key)
        return version is not None and told is not None and version < told

    def told(self, key: EntityKey, record: ClientRecord) -> None:
        """The caller is told this record, whether or not it could be kept."""
        version = version_of(record)
        if version is not None and not self.outdated(key, record):
            if self._versions.get(key) != version:
                self._generations.raise_answers(key.partition)
            self._versions[key] = version

    def lists_fence(self, partition: Partition) -> Fence:
        """To be noted before a list is asked for."""
        return self._generations.of_lists(partition)

    def client_fence(self, key: EntityKey) -> Fence:
        """To be noted before a client is asked for."""
        return self._generations.of_client(key)

    def take_page(self, key: ListKey, page: Page, at: float, fence: Fence) -> bool:
        """Keep a page and its clients, unless this caller wrote since `fence` was noted."""
        if self._generations.of_lists(key.partition) != fence:
            return False
        known, ids = (
            self.rows(key) or Rows(page.total, float("-inf")),
            tuple(r.id for r in page.records),
        )
        for record in page.records:
            self._learn(EntityKey(key.partition, record.id), record, at)
        self._put(key, known.learn(page.offset, ids, page.total, at))
        return True

    def take_client(self, key: EntityKey, record: ClientRecord, at: float, fence: Fence) -> bool:
        """Keep a client's record, unless it was written since `fence` was noted."""
        if self._generations.of_client(key) != fence:
            return False
        self._learn(key, record, at)
        return True

    def take_absence(self, key: EntityKey, at: float, fence: Fence) -> bool:
        """Keep that there is no such client, unless it was written since `fence` was noted."""
        if self._generations.of_client(key) != fence:
            return False
        known = self.client(key)
        if known is None or known.at <= at:
            self.deleted(key, at)
        return True

    def wrote(self, key: EntityKey, record: ClientRecord, at: float) -> None:
        """Keep what a write said the client now is."""
        self._learn(key, record, at)

    def deleted(self, key: EntityKey, at: float) -> None:
        """Keep that a write found or left no such client; its versions begin anew."""
        self._put(key, Gone(at))
        self._versions.pop(key, None)

    def raise_fences(self, partition: Partition, key: EntityKey | None) -> None:
        """A write begins or has ended: what is being read now is not to be kept."""
        self._generations.raise_lists(partition)
        self._generations.raise_answers(partition)
        if key is not None:
            self._generations.raise_client(key)

    def forget_client(self, key: EntityKey) -> None:
        """Nothing is known of this client any more, but what it was at its version."""
        known = self.client(key)
        if isinstance(known, Known):
            self._bases.keep(key, known.record)
        self._generations.raise_answers(key.partition)
        self._store.forget(key)

    def forget_list(self, key: ListKey) -> None:
        """Rows may have moved; how many they were remains as a hint."""
        rows = self.rows(key)
        if rows is not None:
            self._put(key, rows.forgotten())

    def revise_lists(
        self, partition: Partition, revised: Callable[[ClientFilter, Rows], Rows]
    ) -> None:
        """A write of this caller changes each of its lists as `revised` says."""
        for key in self._store.lists(partition):
            rows = self.rows(key)
            if rows is not None and (news := revised(key.where, rows)) is not rows:
                self._put(key, news)

    def forget_lists(self, partition: Partition) -> None:
        """A write may have moved rows in and out of any list of its caller."""
        self.revise_lists(partition, lambda _, rows: rows.forgotten())

    def answers_fence(self, partition: Partition) -> Fence:
        """To be noted before a caller is answered from memory."""
        return self._generations.of_answers(partition)

    def answer(self, key: AnswerKey) -> Told | None:
        """The answer kept to a question, whether or not it may still be told."""
        entry = self._store.get(key)
        return entry if isinstance(entry, Told) else None

    def take_answer(self, key: AnswerKey, told: Told) -> None:
        """Keep an answer; nothing it is made of changes by that."""
        self._store.put(key, told)

    def purge(self, partition: Partition) -> None:
        """The API refused this caller: nothing is known, and nothing in flight will be."""
        self._generations.raise_caller(partition)
        self._store.purge(partition)
        self._bases.purge(partition)

    def _put(self, key: EntityKey | ListKey, entry: Known | Gone | Rows) -> None:
        self._generations.raise_answers(key.partition)
        self._store.put(key, entry)

    def _learn(self, key: EntityKey, record: ClientRecord, at: float) -> None:
        if self.outdated(key, record):
            return
        self.told(key, record)
        before = self.client(key)
        after = learnt(before, record, at)
        if (
            isinstance(before, Known)
            and isinstance(after, Known)
            and before.record.version != after.record.version
        ):
            self._bases.keep(key, before.record)
        self._put(key, after)
