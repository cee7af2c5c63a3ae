"""The commands by which one gateway takes part in a journal."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.storage.journal.member_locks import MemberLocks
from gateway.storage.shared.contract import SharedServer
from gateway.storage.shared.server_clock import ServerClock

LATE_SECONDS = 0.25
"""Seconds after which a heartbeat that was delayed on its way keeps no gateway a member."""


class Position(NamedTuple):
    """A place in the journal: one without its data begins again from 0, as another incarnation."""

    incarnation: str
    number: int
    """The number of the last entry applied."""


class Append(NamedTuple):
    """What is to be appended."""

    kind: str
    content: bytes
    marks: Sequence[str] = ()
    based_on: Position | None = None
    """For a reading: where the journal was when it was sent; a write sets its marks instead."""
    ended: Sequence[str] = ()
    """The flights that it ends."""
    is_answer: bool = True
    """Whether a caller may learn it as soon as it is appended: all must have it by then."""

    def is_of(self, incarnation: str) -> bool:
        """Return False for a reading that was sent in another incarnation of the journal."""
        return self.based_on is None or self.based_on.incarnation == incarnation


class Beaten(NamedTuple):
    """The state of a journal at a heartbeat."""

    incarnation: str
    number: int
    """The number of its last entry."""
    time: float
    """The server's."""
    is_member: bool
    """Whether the others wait for this gateway from now on."""


class JournalCommands:
    """The functions of one journal in the server. Each raises `ServerUnreachable`."""

    def __init__(
        self, server: SharedServer, prefix: str, member: str, clock: Callable[[], float]
    ) -> None:
        """Create them; `clock`: seconds, of which no step of the wall clock is a part."""
        self._server, self._prefix, self._member = server, prefix, member
        self._now, self._clock = clock, ServerClock(clock)
        self.beaten_at = -math.inf
        """When the last heartbeat was sent."""
        self.locks = MemberLocks()
        self._keys = [f"{prefix}:{name}" for name in ("state", "log", "members")]

    async def beat(self, at: Position, seconds: float, *, follows: bool) -> Beaten:
        """Stay a member, if this gateway `follows` and the server executes it in time."""
        if ended := self.locks.enter(self._member):
            await self._server.call_on(self._keys, "journal_bury", repr(seconds), *ended)
            self.locks.forget(ended)
        self.beaten_at, clock = (sent_at := self._now()), self._clock
        deadline = clock.server_time(sent_at) + LATE_SECONDS if clock.is_known else 0.0
        known, number, now, is_member = await self._server.call_on(
            self._keys,
            "journal_beat",
            self._member,
            at.incarnation,
            str(at.number),
            repr(seconds),
            "1" if follows else "0",
            repr(deadline),
        )
        clock.observe(float(now), sent_at)
        return Beaten(known.decode(), int(number), float(now), is_member == b"1")

    async def append(self, entry: Append, incarnation: str) -> int | None:
        """Append; return the entry's number, None if the server has lost the incarnation."""
        if not entry.is_of(incarnation):
            return None  # its number says nothing of what was written in this incarnation
        marks = [f"{self._prefix}:mark:{each}" for each in entry.marks]
        flights = [self._flight(each) for each in entry.ended]
        verdict, number = await self._server.call_on(
            [*self._keys, *marks, *flights],
            "journal_append",
            self._member,
            incarnation,
            entry.kind,
            "" if entry.based_on is None else str(entry.based_on.number),
            str(len(marks)),
            " ".join(entry.ended),
            entry.content,
        )
        return None if verdict == b"lost" else int(number)

    async def acknowledge(self, at: Position) -> int:
        """Record what was applied; return the number of the last entry that all members have."""
        [by_all] = await self._server.call_on(
            self._keys[::2],
            "journal_ack",
            self._member,
            at.incarnation,
            str(at.number),
        )
        return int(by_all)

    async def take(self, flights: Sequence[str], seconds: float) -> tuple[int, list[bool]]:
        """Take flights; return the last entry's number before, and which of them were free."""
        keys = [self._keys[0], *map(self._flight, flights)]
        number, *taken = await self._server.call_on(
            keys, "journal_take", self._member, str(int(1000 * seconds))
        )
        return int(number), [each == b"1" for each in taken]

    async def leave(self) -> None:
        """Be no member any more."""
        await self._server.call_on(self._keys[2:], "journal_leave", self._member)
        self.locks.forget([self._member])

    def _flight(self, name: str) -> str:
        return f"{self._prefix}:flight:{name}"
