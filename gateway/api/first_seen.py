"""When each client was first read: a create that began later made none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from schema.source.records import ClientRecord

_MAX_CLIENTS = 20_000
"""Clients remembered; the ones seen first are forgotten first."""


class FirstSeen:
    """The clients that were read, by id. `now` returns Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._times: dict[str, float] = {}

    def note(self, records: Iterable[ClientRecord]) -> None:
        """Note that these clients exist now."""
        now, times = self._now(), self._times
        for record in records:
            if record.id not in times:
                times[record.id] = now
        while len(times) > _MAX_CLIENTS:
            del times[next(iter(times))]

    def before(self, time: float) -> set[str]:
        """Return the ids of the clients that were read before `time`, in Unix seconds."""
        return {id for id, at in self._times.items() if at < time}
