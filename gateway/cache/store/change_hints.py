"""Changes that webhooks reported: what was read before such an event is no longer fresh."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

from gateway.cache.store.generations import Generations
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.list_index import ListIndex
from gateway.cache.store.memory import MemoryStore
from schema.source.records import ClientFilter, ClientRecord

ChangeKind = Literal["created", "updated", "deleted", "unknown"]

Key = TypeVar("Key")

MAX_HINTS = 20_000
"""Clients, and callers' lists, whose last event is held; the oldest events are dropped first."""
_UNFILTERED = ClientFilter()


class ChangeHints:
    """When each client and each caller's lists last changed, by the events of webhooks.

    A reading is compared by the time at which its request was sent, so one that was in flight when
    the event arrived is stored, and no longer fresh. Entries are still served for as long as they
    were before: an event makes no caller wait for the API.
    """

    def __init__(
        self, store: MemoryStore, generations: Generations, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._generations = generations
        self._clock = clock
        self._clients: dict[str, float] = {}
        self._lists: dict[tuple[Partition, bool], float] = {}
        """By caller, and whether only the filtered lists are concerned."""
        self.last_at = -math.inf
        """When the last event came: later readings need no look at the others."""

    def note(self, kind: ChangeKind, ids: frozenset[str], reading: Iterable[Partition]) -> None:
        """Note an event about clients, for all callers; without `ids`, about any client.

        An update moves clients in and out of filtered lists only. `reading` are the callers whose
        lists are being read, for whom nothing may be stored yet.
        """
        self.last_at = at = self._clock()
        for id in ids:
            _put(self._clients, id, at)
        everyone = not ids or kind in {"created", "unknown"}
        for partition in {*self._store.partitions(), *reading}:
            if everyone or self._may_list(partition, ids):
                _put(self._lists, (partition, kind == "updated" and not everyone), at)
                self._generations.bump_responses(partition)

    def of_client(self, id: str, checked_at: float) -> float:
        """Return when the last event about a client came, if that was after `checked_at`."""
        at = self._clients.get(id, -math.inf)
        return at if at > checked_at else -math.inf

    def of_page(
        self, key: ListKey, read_at: float, rows: Iterable[tuple[ClientRecord, float]]
    ) -> float:
        """Return when the last event about a list's page came, if that was after its readings.

        `rows` are its clients, each with the time it was last checked.
        """
        clients = (self.of_client(record.id, checked_at) for record, checked_at in rows)
        return max(self._of_list(key, read_at), *clients, -math.inf)

    def _of_list(self, key: ListKey, read_at: float) -> float:
        at = self._lists.get((key.partition, False), -math.inf)
        if key.where != _UNFILTERED:
            at = max(at, self._lists.get((key.partition, True), -math.inf))
        return at if at > read_at else -math.inf

    def _may_list(self, partition: Partition, ids: frozenset[str]) -> bool:
        """Return False if the caller's whole collection is held, and none of these clients."""
        if any(self._store.peek(EntityKey(partition, id)) is not None for id in ids):
            return True
        rows = self._store.peek(ListKey(partition, _UNFILTERED))
        if not isinstance(rows, ListIndex) or not rows.whole(-math.inf):
            return True
        return any(not ids.isdisjoint(span.ids) for span in rows.spans)


def _put(times: dict[Key, float], key: Key, at: float) -> None:
    times.pop(key, None)
    times[key] = at
    if len(times) > MAX_HINTS:
        del times[next(iter(times))]
