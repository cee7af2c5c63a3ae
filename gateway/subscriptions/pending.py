"""The changes of one caller's clients that wait to be read, and when they are."""

import asyncio
from collections.abc import Callable

from gateway.subscriptions.changes import PendingChange
from schema.source.records import ClientId

COALESCE_SECONDS = 1.0
"""Seconds for which changes are collected before they are read together."""
RETRY_SECONDS = 15.0
"""Seconds after which a change that could not be read is tried again."""
MAX_BATCH = 100
"""Clients that are read together."""
MAX_PENDING = 5_000
"""Changed clients of one caller that wait; of more, the oldest are dropped."""
_SLACK = 0.01
"""Seconds by which a timer may fire early."""


class PendingChanges:
    """Collects changes, those of one client as one, and calls `read` when some are due."""

    def __init__(self, read: Callable[[], None]) -> None:
        self._read = read
        self.changes: dict[ClientId, PendingChange] = {}
        """Those that wait, the oldest first."""
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, id: ClientId) -> bool:
        return id in self.changes

    def add(self, id: ClientId, change: PendingChange, seconds: float = COALESCE_SECONDS) -> None:
        """Add a change that is due in `seconds`."""
        change.due = asyncio.get_running_loop().time() + seconds
        earlier = self.changes.get(id)
        if earlier is not None:
            earlier.merge(change)
        else:
            self.changes[id] = change
            if len(self.changes) > MAX_PENDING:
                del self.changes[next(iter(self.changes))]
        self.wake(change.due)

    def take(self) -> dict[ClientId, PendingChange]:
        """Remove and return the changes that are due, at most `MAX_BATCH`."""
        now = asyncio.get_running_loop().time() + _SLACK
        due = [id for id, change in self.changes.items() if change.due <= now]
        return {id: self.changes.pop(id) for id in due[:MAX_BATCH]}

    def continue_after_reading(self) -> None:
        """Schedule the next reading: what became due during the last one is read at once."""
        if self.changes:
            self.wake(min(change.due for change in self.changes.values()))

    def wake(self, due: float) -> None:
        """Call `read` at `due`, by the event loop's clock, or before."""
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)

    def clear(self) -> None:
        """Drop all changes: no subscriber is left."""
        self.changes.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        self._read()
