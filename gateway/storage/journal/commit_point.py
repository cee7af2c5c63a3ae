"""How far all gateways have applied a journal: what one of them shows, no other contradicts then.

A gateway applies an entry before it knows that the others have; until then its answers wait.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from gateway.storage.journal.commands import JournalCommands, Position
from gateway.storage.shared.contract import ServerUnreachable

POLL_SECONDS, MAX_POLL_SECONDS = 0.0005, 0.02
"""Seconds between two looks at what the others have applied; doubled each time."""


class CommitPoint:
    """The number of the last entry that all have applied, as far as this gateway knows."""

    def __init__(
        self,
        commands: JournalCommands,
        position: Callable[[], Position],
        clock: Callable[[], float],
    ) -> None:
        """Create it; `position` returns what this gateway has applied."""
        self._commands, self._position, self._clock = commands, position, clock
        self._incarnation, self._number = "", 0
        self._asking: asyncio.Task[None] | None = None

    @property
    def number(self) -> int:
        """The number, 0 if the journal has just begun again."""
        return self._number if self._incarnation == self._position().incarnation else 0

    async def ask(self) -> int:
        """Report what this gateway has applied; return the number. Raises `ServerUnreachable`."""
        at = self._position()
        number = await self._commands.acknowledge(at)
        if at.incarnation == self._position().incarnation:
            self._incarnation, self._number = at.incarnation, max(self.number, number)
        return self.number

    async def reaches(self, number: int, seconds: float) -> bool:
        """Wait until all have applied an entry, for `seconds` at most; return whether they have."""
        until, pause = self._clock() + seconds, POLL_SECONDS
        while self.number < number and (left := until - self._clock()) > 0:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._try_to_ask())
            await asyncio.wait({self._asking}, timeout=left)
            if self.number < number:
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_POLL_SECONDS)
        return self.number >= number

    async def _try_to_ask(self) -> None:
        with suppress(ServerUnreachable):
            await self.ask()
