"""A cache that several gateways share: each holds it, and applies the same changes in one order."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from gateway.cache.coherence.contract import ReadName
from gateway.cache.coherence.events import (
    Changed,
    Event,
    FlightEnded,
    Forgotten,
    WriteBegan,
    WriteEnded,
    decode_event,
    encode_event,
    shifted,
)
from gateway.cache.coherence.marks import changed_partitions, marks_of
from gateway.cache.coherence.once import Once
from gateway.storage.journal.commands import Append, Position
from gateway.storage.journal.journal import Journal
from gateway.storage.shared.contract import LogEntry, Sealing, ServerUnreachable

T = TypeVar("T")
K = TypeVar("K")

MAX_UNANNOUNCED = 1_000
"""Events kept for a server that does not reply; above this all clients count as changed."""
AGREE_SECONDS = 0.25
"""Seconds for which an answer waits until all gateways have what it shows."""
SLICE_SECONDS = 0.25
"""Seconds between two looks at a read of another gateway, whose end may have been missed."""

_log = logging.getLogger(__name__)


class ReplicatedCache:
    """The cache's part in the journal (`Coherence`)."""

    is_shared = True

    def __init__(
        self,
        journal: Journal,
        sealing: Sealing,
        is_reachable: Callable[[], bool],
        clock: Callable[[], float],
        *,
        attempt_seconds: float,
    ) -> None:
        """Create it; a read of another gateway is waited for `attempt_seconds` at most."""
        self._journal, self._sealing, self._clock = journal, sealing, clock
        self._is_reachable = is_reachable
        self._attempt_seconds = attempt_seconds
        self.learn: Callable[[Event, bool], None] = lambda _event, _outdated: None
        """Applies an event of another gateway; an outdated reading is stored by none."""
        self.missed: Callable[[], None] = lambda: None
        """Called when events of other gateways may have been missed."""
        self._acts: dict[str, Once[Any]] = {}
        self._changed: dict[str, Position] = {}
        """By partition, the last entry that changed it; none once all gateways have all of them."""
        self._ids = (
            f"{prefix}.{n}" for prefix in [secrets.token_hex(8)] for n in itertools.count()
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        journal.follower = self

    @property
    def position(self) -> Position:
        """What was applied of the journal."""
        return self._journal.position

    def in_doubt(self) -> bool:
        """Return True if this gateway or another may have what the other does not know."""
        is_lost = self._journal.members.in_doubt(self._clock())
        return is_lost or not self._is_reachable() or bool(self._journal.unannounced)

    def is_agreed(self, partition: str) -> bool:
        """Return True if all gateways have applied what this one has of a caller."""
        if partition not in self._changed:
            return True
        if self._number_of(partition) > self._journal.commit.number:
            return False
        del self._changed[partition]
        return True

    async def agreed(self, partition: str) -> bool:
        """Wait for that, for `AGREE_SECONDS` at most; return whether it is so."""
        return await self._journal.commit.reaches(self._number_of(partition), AGREE_SECONDS)

    def _number_of(self, partition: str) -> int:
        changed = self._changed.get(partition, Position("", 0))
        return changed.number if changed.incarnation == self._journal.incarnation else 0

    async def turns(
        self, names: Mapping[K, ReadName], find: Callable[[K], T | None]
    ) -> tuple[dict[K, T], Sequence[str]]:
        """Wait for the reads that other gateways have under way, for one attempt's time at most."""
        until = self._clock() + self._attempt_seconds
        left = {key: self._name("flight", *name) for key, name in names.items()}
        found: dict[K, T] = {}
        flights: list[str] = []
        while left:
            taken = await self._journal.take(list(left.values()), self._attempt_seconds)
            for key, is_taken in zip(list(left), taken, strict=True):
                value = find(key)
                if value is not None:
                    found[key] = value
                if is_taken:
                    self.end([left[key]]) if value is not None else flights.append(left[key])
                if is_taken or value is not None:
                    del left[key]
            if not left or self._clock() >= until:
                break
            await self._journal.wait_for(next(iter(left.values())), SLICE_SECONDS)
        return found, flights

    async def read(
        self, event: Event, act: Callable[[], T], based_on: Position | None, flights: Sequence[str]
    ) -> T:
        """Append a reading; it is outdated if something was written since it was sent.

        If it could not be appended, this gateway is in doubt until it is.
        """
        result, is_known = await self._append(event, act, based_on, flights)
        if not is_known:
            self._announce_later(self._entry(event, "", based_on, flights))
        return result

    def end(self, flights: Sequence[str]) -> None:
        """End flights without a result."""
        if flights:
            self._start(self._append(FlightEnded(), lambda: None, None, flights))

    async def write(self, event: Event, act: Callable[[], T]) -> T:
        """Append the begin or the end of a write.

        An end that could not be appended is known to no other gateway. It returns when each of them
        knows that this one is lost: they mark what they answer as stale from then on.
        """
        result, is_known = await self._append(event, act)
        if not is_known and isinstance(event, WriteEnded) and event.kind not in _WITHOUT_EFFECT:
            for partition in filter(None, (event.partition, event.claimed)):
                await self._journal.announce_later(self._entry(Forgotten(partition)))
        return result

    def spread(self, event: Event) -> None:
        """Append an event; later, if the server cannot be reached."""
        self._start(self._spread(event))

    def apply(self, entry: LogEntry, *, own: bool) -> None:
        """Apply an entry of the journal."""
        if not entry.content:
            return
        try:
            id, event = decode_event(self._sealing.open(entry.content, b"journal"))
        except ValueError as error:
            _log.error("an entry of the journal cannot be read: %s", error)
            self.missed()
            return
        self._note_changed(event)
        if not own:
            self.learn(shifted(event, self._own_time), entry.kind == "outdated")
        elif (act := self._acts.get(id)) is not None:
            act.run()

    def _note_changed(self, event: Event) -> None:
        if partitions := changed_partitions(event):
            if all(each.number <= self._journal.commit.number for each in self._changed.values()):
                self._changed.clear()
            self._changed |= dict.fromkeys(partitions, self._journal.position)

    async def aclose(self) -> None:
        """Wait for the events under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _append(
        self,
        event: Event,
        act: Callable[[], T],
        based_on: Position | None = None,
        flights: Sequence[str] = (),
    ) -> tuple[T, bool]:
        id, own = next(self._ids), Once(act)
        self._acts[id] = own
        is_known = True
        try:
            await self._journal.append(self._entry(event, id, based_on, flights))
        except ServerUnreachable:
            is_known = False
        finally:
            del self._acts[id]
        return own.result(), is_known

    async def _spread(self, event: Event) -> None:
        entry = self._entry(event)
        try:
            await self._journal.append(entry)
        except ServerUnreachable:
            self._announce_later(entry)

    def _announce_later(self, entry: Append) -> None:
        if len(self._journal.unannounced) >= MAX_UNANNOUNCED:
            self._journal.unannounced[:] = [self._entry(Changed("unknown", frozenset()))]
        self._journal.unannounced.append(entry)

    def _entry(
        self,
        event: Event,
        id: str = "",
        based_on: Position | None = None,
        flights: Sequence[str] = (),
    ) -> Append:
        stamped = shifted(event, self._journal.clock.server_time)
        data = encode_event(id, stamped)
        if data is None and isinstance(stamped, WriteEnded):  # too large: the others read it
            unknown = msgspec.structs.replace(stamped, kind="unknown", record=None, before=None)
            data = encode_event(id, unknown)
        content = b"" if data is None else self._sealing.seal(data, b"journal")
        is_answer = not isinstance(event, WriteBegan | FlightEnded)
        return Append(
            "event",
            content,
            [self._name(*each) for each in marks_of(event)],
            based_on,
            flights,
            is_answer,
        )

    def _name(self, *parts: str | int | None) -> str:
        return self._sealing.name(*(repr(part).encode() for part in parts))

    def _own_time(self, server_time: float) -> float:
        return min(self._journal.clock.own_time(server_time), self._clock())

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_WITHOUT_EFFECT = frozenset({"refused", "rejected"})
