"""Decide whether webhooks are proven to arrive: the own writes must come back as events in time."""

import math
from typing import NamedTuple

from cachetools import LRUCache

from gateway.cache.store.change_hints import ChangeKind, ReportedChange
from gateway.cache.store.keys import Partition

WITHIN = 10.0
"""Seconds after a change was seen within which its event must come."""
MAX_EARLY = 100
"""Events held that came before the response to the write that they may report."""
MAX_WRITE_SECONDS = 60.0
"""Seconds after which a write counts as ended, whose gateway is gone."""
MAX_EXPECTED = 1_000
"""Events awaited; the API admits 500 calls in 15 minutes."""
_MAX_DOUBTED = 10_000


class _OpenWrite(NamedTuple):
    """A write under way; `id` is None for a create."""

    partition: Partition
    id: str | None
    began: float


class _Expected(NamedTuple):
    partition: Partition
    id: str
    at: float
    own: bool
    """False for another writer's change that a reading has shown: its event proves nothing."""


class DeliveryProof:
    """The proof that webhooks arrive, as of the times given.

    It holds for `lasts` seconds after the event of an own write came in time. It ends before if an
    event that must come does not, for all callers; for the caller that missed one it begins again
    only with an own write.
    """

    def __init__(self, lasts: float) -> None:
        self._lasts = lasts
        self._silence = f"no write has come back as a webhook for {lasts:g} s"
        self._proven_at = -math.inf
        self._under_way: dict[str, _OpenWrite] = {}
        self._early: list[ReportedChange] = []
        self._expected: list[_Expected] = []
        self._doubted: LRUCache[Partition, None] = LRUCache(_MAX_DOUBTED)
        self.until = -math.inf
        """When the proof ends, if nothing happens before."""
        self.reason = "no write through the gateway has come back as a webhook yet"
        """Why it does not hold, or will not hold longer."""

    def holds(self, partition: Partition, now: float) -> bool:
        """Return True if what this caller's readings lack would have been reported."""
        return now < self.until and partition not in self._doubted

    def begin(self, write: str, partition: Partition, id: str | None, now: float) -> None:
        """Note a write by its name that is about to be sent; `end` or `abandon` it."""
        self._under_way[write] = _OpenWrite(partition, id, now)

    def end(self, write: str, partition: Partition, id: str, now: float) -> list[ReportedChange]:
        """Note that the API executed a write of this client; return the events to apply now."""
        self._lapse(now)
        self._under_way.pop(write, None)
        early = next((event for event in self._early if event.ids == {id}), None)
        if early is None:
            self._expect(_Expected(partition, id, now, own=True))
            return self._released()
        self._early.remove(early)
        self._prove(partition, now)
        return [early._replace(own=partition, at=now), *self._released()]

    def abandon(self, write: str) -> list[ReportedChange]:
        """Note that a write was refused, or may not have happened; return the events to apply."""
        self._under_way.pop(write, None)
        return self._released()

    def interrupt(self) -> None:
        """End the proof: events may have been missed."""
        self._proven_at = -math.inf
        self._expected = []
        self._set_end()
        self.reason = "events of other gateways may have been missed"

    def observe(self, partition: Partition, id: str, now: float) -> None:
        """Note that a reading shows a change of which no event has come."""
        self._lapse(now)
        self._expect(_Expected(partition, id, now, own=False))

    def arrive(self, kind: ChangeKind, ids: frozenset[str], now: float) -> list[ReportedChange]:
        """Note an event; return it if it is to be applied now.

        One that a write under way may have caused is returned when that write has ended.
        """
        self._lapse(now)
        event = ReportedChange(kind, ids)
        self._expected = [each for each in self._expected if each.own or each.id not in ids]
        own = next((each for each in self._expected if ids == {each.id}), None)
        if own is not None:
            self._expected.remove(own)
            self._prove(own.partition, now)
            return [event._replace(own=own.partition, at=own.at)]
        self._set_end()
        if self._may_be_own(event) and len(self._early) < MAX_EARLY:
            self._early.append(event)
            return self._released()
        return [*self._released(), event]

    def _may_be_own(self, event: ReportedChange) -> bool:
        creates = event.kind in {"created", "unknown"}
        return len(event.ids) == 1 and any(
            creates if write.id is None else write.id in event.ids
            for write in self._under_way.values()
        )

    def _released(self) -> list[ReportedChange]:
        """Return the early events that no write under way explains."""
        foreign = [event for event in self._early if not self._may_be_own(event)]
        self._early = [event for event in self._early if event not in foreign]
        return foreign

    def _expect(self, expected: _Expected) -> None:
        self._expected = [*self._expected, expected][-MAX_EXPECTED:]
        self._set_end()

    def _prove(self, partition: Partition, now: float) -> None:
        self._proven_at = now
        self._doubted.pop(partition, None)
        self._set_end()

    def _lapse(self, now: float) -> None:
        """End the proof if an event did not come in time; forget writes that never ended."""
        open_since = now - MAX_WRITE_SECONDS
        self._under_way = {k: w for k, w in self._under_way.items() if w.began > open_since}
        missed = [each for each in self._expected if each.at + WITHIN <= now]
        self._expected = [each for each in self._expected if each.at + WITHIN > now]
        for each in missed:
            if each.partition not in self._doubted:
                self._proven_at = -math.inf
            if each.own:
                self._doubted[each.partition] = None
        if missed:
            self._set_end()

    def _set_end(self) -> None:
        due = [e.at + WITHIN for e in self._expected if e.partition not in self._doubted]
        last = self._proven_at + self._lasts
        self.until = min([last, *due])
        if self.until > -math.inf:
            self.reason = self._silence if self.until == last else _MISSED


_MISSED = f"the webhook of a change did not come within {WITHIN:g} s"
