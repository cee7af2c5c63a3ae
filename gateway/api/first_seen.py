"""When each client was first read: a create that began later made none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from schema.source.records import ClientRecord

_MAX_CLIENTS = 20_000
"""Clients remembered, the latest read."""


class FirstSeen:
    """The clients that were read, by id. `now` returns Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._times: LRUCache[str, float] = LRUCache(_MAX_CLIENTS)

    def note(self, records: Iterable[ClientRecord]) -> None:
        """Note that these clients exist now."""
        now = self._now()
        for record in records:
            self._times.setdefault(record.id, now)

    def before(self, time: float) -> set[str]:
        """Return the ids of the clients that were read before `time`, in Unix seconds."""
        return {id for id, at in self._times.items() if at < time}
