"""Changes that webhooks reported: what was read before such an event is no longer fresh."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from gateway.cache.policy.owners import Owners
from gateway.cache.store.collection import HeldCollection
from gateway.cache.store.entity import CachedRecord, Held, version_of
from gateway.cache.store.generations import Generations
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.list_index import ListIndex
from gateway.cache.store.memory import MemoryStore
from schema.source.records import ClientFilter, ClientId, ClientRecord

ChangeKind = Literal["created", "updated", "deleted", "unknown"]

Key = TypeVar("Key")


class ReportedChange(NamedTuple):
    """A change that a webhook reported, of these clients; without `ids`, of any client."""

    kind: ChangeKind
    ids: frozenset[str]
    own: Partition | None = None
    """The caller who wrote it through this gateway."""
    at: float | None = None
    """When that write ended: what was read since then shows it. None: now."""


MAX_HINTS = 20_000
"""Clients, and callers' lists, whose last event is held; the oldest events are dropped first."""
_UNFILTERED = ClientFilter()


@dataclass(eq=False, repr=False)
class ChangeHints:
    """When each client and each caller's lists last changed, by the events of webhooks.

    A reading is compared by the time at which its request was sent, so one that was in flight when
    the event arrived is stored, and no longer fresh. Entries are still served for as long as they
    were before: an event makes no caller wait for the API.
    """

    _store: MemoryStore
    _generations: Generations
    _clock: Callable[[], float]
    _lag: float

    def __post_init__(self) -> None:
        self._owners = Owners()
        self.on_unreported: Callable[[EntityKey], None] = lambda _: None
        """Called when a reading shows a change of which no event came."""
        self.on_missed: Callable[[], None] = lambda: None
        """Called when events were missed."""
        self._clients: dict[str, float] = {}
        self._lists: dict[tuple[Partition, bool], float] = {}
        """By caller, and whether only the filtered lists are concerned."""
        self._everything = -math.inf
        """When events were missed that may have concerned any client."""
        self.last_at = -math.inf
        """When the last event came: later readings need no look at the others."""

    def note(self, change: ReportedChange, reading: Iterable[Partition]) -> list[Partition]:
        """Note a change, for all callers; return those concerned, without the one who wrote it.

        An update moves clients in and out of filtered lists only. `reading` are the callers whose
        lists are being read, for whom nothing may be stored yet.
        """
        self.last_at = now = self._clock()
        at = now if change.at is None else change.at
        for id in change.ids:
            _put(self._clients, id, max(at, self._clients.get(id, at)))
        filtered = change.kind == "updated" and bool(change.ids)
        callers = {*self._store.partitions(), *reading} - {change.own}
        concerned = [each for each in callers if self.concerns(each, change)]
        for partition in concerned:
            _put(self._lists, (partition, filtered), now)
            self._generations.bump_responses(partition)
        return concerned

    def compare(self, key: EntityKey, before: Held, record: ClientRecord) -> None:
        """Note a reading of a client of which `before` was held.

        An event that came just before the earlier reading may be of the change: a replica lags.
        """
        self._owners.note(key.partition, record)
        if isinstance(before, CachedRecord):
            old, new = before.version, version_of(record)
            later = old is not None and new is not None and new > old
            if later and self.of_client(key.id, before.checked_at - self._lag) == -math.inf:
                self.on_unreported(key)

    def note_everything(self) -> None:
        """Note that events were missed: whatever was read before may have changed."""
        self.last_at = self._everything = self._clock()
        self.on_missed()
        self._generations.bump_all()

    def of_client(self, id: str, checked_at: float) -> float:
        """Return when the last event about a client came, if that was after `checked_at`."""
        at = max(self._clients.get(id, -math.inf), self._everything)
        return at if at > checked_at else -math.inf

    def of_page(
        self, key: ListKey, read_at: float, rows: Iterable[tuple[CachedRecord, float]]
    ) -> float:
        """Return when the last event about a list's page came, if that was after its readings.

        `rows` are its clients, each with the time it was last checked.
        """
        clients = (self.of_client(record.id, checked_at) for record, checked_at in rows)
        return max(self._of_list(key, read_at), *clients, -math.inf)

    def changed_since(self, held: HeldCollection) -> list[ClientId]:
        """Return the clients of a collection about which an event came after they were read."""
        return [
            ClientId(id) for id, at in held.read_at.items() if self.of_client(id, at) > -math.inf
        ]

    def of_collection(self, key: ListKey, held: HeldCollection) -> float:
        """Return when the last event about a collection came, if that was after its readings.

        Whether clients entered one that took several calls to read is not considered.
        """
        if self.last_at <= held.at:
            return -math.inf
        of_list = self._of_list(key, held.at) if held.calls == 1 else -math.inf
        return max([of_list, *(self.of_client(id, at) for id, at in held.read_at.items())])

    def _of_list(self, key: ListKey, read_at: float) -> float:
        at = max(self._lists.get((key.partition, False), -math.inf), self._everything)
        if key.where != _UNFILTERED:
            at = max(at, self._lists.get((key.partition, True), -math.inf))
        return at if at > read_at else -math.inf

    def concerns(self, partition: Partition, change: ReportedChange) -> bool:
        """Return False if the caller's entries and lists are certainly the same afterwards.

        That is if they are of one user only, and another one's client was written through this
        gateway; or if the whole collection is held, and none of the clients that changed.
        """
        ids = change.ids
        if any(self._store.peek(EntityKey(partition, id)) is not None for id in ids):
            return True
        if change.own is not None:
            owner = self._owners.only(change.own)
            if self._owners.is_shown_others_only(partition, owner):
                return False
        if not ids or change.kind in {"created", "unknown"}:
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
