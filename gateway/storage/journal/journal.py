"""The journal that several gateways append to, and that each applies in the same order.

An append returns when every gateway has applied it: what one has answered, no other contradicts.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from gateway.clock import Clock
from gateway.storage.journal.commands import LATE_SECONDS, Append, Beaten, JournalCommands, Position
from gateway.storage.journal.commit_point import MAX_POLL_SECONDS, POLL_SECONDS, CommitPoint
from gateway.storage.journal.membership import MEMBER_SECONDS, TRUST_SECONDS, Membership
from gateway.storage.journal.roles import Follower, Reader
from gateway.storage.shared.contract import BEGINNING, LogEntry, ServerUnreachable, SharedServer
from gateway.storage.shared.heartbeat import Heartbeat
from gateway.storage.shared.server_clock import ServerClock

BEAT_SECONDS = 0.25
REPLY_SECONDS = 0.05
"""Seconds that an entry, which the server has, is waited for before a call is sent in its stead."""
START_SECONDS = 1.0
"""Seconds for which a start waits for the server, which may be starting too."""
ANNOUNCED = 50
"""Entries that are announced together at most: they share one time limit."""
RETRY_SECONDS = 0.1
"""Seconds between two attempts to read the log of a server that does not reply."""

_log = logging.getLogger(__name__)


class Journal:
    """One gateway's part in the journal under these keys."""

    def __init__(
        self, server: SharedServer, reader: Reader, prefix: str, clock: Callable[[], float]
    ) -> None:
        """Take part; `clock`: seconds, of which a step of the wall clock may be a part."""
        self._reader, self._now = reader, clock
        self._waits = Clock.of(clock).monotonic
        """Seconds to wait for others, whom a step of this gateway's wall clock does not hurry."""
        self._member = secrets.token_hex(8)
        self.commands = JournalCommands(server, prefix, self._member, self._waits)
        self.follower: Follower | None = None
        self.clock, self.members = ServerClock(clock), Membership()
        self.incarnation = ""
        self.applied = 0
        """The number of the last entry applied."""
        self.commit = CommitPoint(self.commands, lambda: self.position, self._waits)
        self._place = BEGINNING
        self._is_behind = True
        """Whether the log is to be read from its begin."""
        self._follows = self._is_closed = False
        self.unannounced: list[Append] = []
        """What the others must learn before this gateway is a member again."""
        self._progress = asyncio.Event()
        self._flights: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        """By flight of another gateway, what those that wait for its end hold."""
        self._beats = Heartbeat(self.beat, BEAT_SECONDS)
        self._reading: asyncio.Task[None] | None = None

    @property
    def position(self) -> Position:
        """What this gateway has applied."""
        return Position(self.incarnation, self.applied)

    async def start(self) -> None:
        """Apply what there is, and become a member."""
        until = self._waits() + START_SECONDS
        while self._is_behind and self._waits() < until:
            with contextlib.suppress(ServerUnreachable):
                await self._catch_up()
            await asyncio.sleep(RETRY_SECONDS * self._is_behind)
        self._follows = True
        self._reading = asyncio.create_task(self._read_forever())
        self._beats.start()

    async def aclose(self) -> None:
        """Leave: no other gateway waits for this one."""
        self._is_closed = True  # a cancellation may be lost in the client library's time limit
        await self._beats.aclose()
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        with contextlib.suppress(ServerUnreachable):
            await self.commands.leave()
        await self._reader.aclose()

    async def append(self, entry: Append) -> int:
        """Append, apply all up to it, and wait for the others to do so; return its number.

        Raises `ServerUnreachable` if it may not be known to the others.
        """
        number = await self._send(entry)
        await self._settle(self.incarnation, number, by_all=entry.is_answer)
        return number

    async def announce_later(self, entry: Append) -> None:
        """Append when the server can be reached; return when no other gateway contradicts it.

        That is when all have applied it, or know that this gateway is lost.
        """
        self.unannounced.append(entry)
        self._beats.wake()
        until = self.commands.beaten_at + LATE_SECONDS + MEMBER_SECONDS + TRUST_SECONDS
        while self.unannounced and self._waits() < until:  # noqa: ASYNC110 - a time limit
            await asyncio.sleep(MAX_POLL_SECONDS)

    async def _send(self, entry: Append) -> int:
        number = await self.commands.append(entry, self.incarnation)
        if number is None:
            self._beats.wake()
            raise ServerUnreachable("the server has lost its data")
        return number

    async def take(self, names: Sequence[str], seconds: float) -> list[bool]:
        """Take the flights that no other gateway has under way; all, if that is not known.

        What has ended before is applied then.
        """
        try:
            number, taken = await self.commands.take(names, seconds)
        except ServerUnreachable:
            return [True] * len(names)
        until = self._waits() + REPLY_SECONDS
        while self.applied < number and self._waits() < until:
            await self._progressed()
        return taken

    async def wait_for(self, name: str, seconds: float) -> None:
        """Wait until a flight of another gateway has ended, or for `seconds`."""
        ended = self._flights.setdefault(name, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()

    async def beat(self) -> None:
        """Stay a member. Trust what is held once all that the server has is applied."""
        begun = self._now()
        if self.members.pass_time(self._waits()):
            self._miss()
        if self.unannounced:
            await self._open()
            await self._announce()
        found = await self._open()
        if not found.is_member:
            self._beats.wake()  # it was late, or there is more to announce
        elif self.applied >= found.number:
            self.members.trust(begun)
        else:
            self._catching_up = asyncio.create_task(self._trust_at(found.number, begun))

    async def _announce(self) -> None:
        sent = self.unannounced[:ANNOUNCED]
        # Those of an earlier incarnation are not fresh since its loss.
        current = [entry for entry in sent if entry.is_of(self.incarnation)]
        numbers = await asyncio.gather(*map(self._send, current))  # in one batch, in this order
        await self._settle(self.incarnation, max(numbers, default=0))
        self.unannounced[:] = [each for each in self.unannounced if each not in sent]

    async def _catch_up(self) -> None:
        """Read the log from its begin: what it has no more is older than any reading in use."""
        incarnation, number, _, _ = await self._open()
        while entries := await self._reader.read(self._place, blocks=False):
            self._apply_all(entries)
        if incarnation == self.incarnation:
            self.applied = max(self.applied, number)
            self._is_behind = False

    async def _trust_at(self, number: int, begun: float) -> None:
        incarnation = self.incarnation
        while self.applied < number and self._now() < begun + TRUST_SECONDS:
            await self._progressed()
        if incarnation == self.incarnation and self.applied >= number:
            self.members.trust(begun)

    async def _open(self) -> Beaten:
        """Beat; as a member only if the others know all that this gateway did."""
        begun, follows = self._now(), self._follows and not self.unannounced
        found = await self.commands.beat(self.position, MEMBER_SECONDS, follows=follows)
        self.clock.observe(found.time, begun)
        if found.incarnation != self.incarnation:
            self._begin(found.incarnation)
        return found

    def _begin(self, incarnation: str) -> None:
        """Follow another journal, from its begin."""
        if self.incarnation:
            self._miss()
        self.incarnation, self.applied, self._place = incarnation, 0, BEGINNING
        self._is_behind = True

    def _miss(self) -> None:
        self.members.distrust()
        if self.follower is not None:
            self.follower.missed()

    async def _settle(self, incarnation: str, number: int, *, by_all: bool = True) -> None:
        """Wait until this gateway, and all members whose time is not over, have applied it."""
        until, pause = self._waits() + MEMBER_SECONDS + TRUST_SECONDS, POLL_SECONDS
        while self.applied < number:
            await self._progressed()
            if incarnation != self.incarnation or self._waits() > until:
                raise ServerUnreachable("the journal could not be read")
        while by_all and self.commit.number < number and await self.commit.ask() < number:
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_POLL_SECONDS)
            if incarnation != self.incarnation or self._waits() > until:
                raise ServerUnreachable("the other gateways do not follow")

    async def _progressed(self) -> None:
        self._progress.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPLY_SECONDS):
                await self._progress.wait()

    async def _read_forever(self) -> None:
        while not self._is_closed:
            try:
                if self._is_behind:
                    await self._catch_up()
                place = self._place
                entries = await self._reader.read(place, blocks=True)
                if entries and place == self._place and not self._is_behind:
                    self._apply_all(entries)
                    await self.commit.ask()
            except ServerUnreachable:
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - a bug in one entry must not end the others
                _log.exception("an entry of the journal could not be applied")
                self._miss()
                await asyncio.sleep(RETRY_SECONDS)  # it may be one that cannot be parsed

    def _apply_all(self, entries: Sequence[LogEntry]) -> None:
        for entry in entries:
            if entry.incarnation != self.incarnation:
                self._begin(entry.incarnation)
                break
            if self.applied and entry.number != self.applied + 1:
                self._miss()
            self._place, self.applied = entry.place, entry.number
            self._apply(entry)
        self._progress.set()

    def _apply(self, entry: LogEntry) -> None:
        if entry.kind == "lost" and entry.member != self._member:
            self.members.lost(entry.member, self._waits())
        elif entry.kind in {"joined", "ended"}:
            self.members.settled(entry.member)
            if entry.kind == "ended":  # what it may have written last is not known
                self._miss()
        for name in entry.ended:
            if (event := self._flights.pop(name, None)) is not None:
                event.set()
        if self.follower is not None:
            self.follower.apply(entry, own=entry.member == self._member)
