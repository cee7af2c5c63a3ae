"""The versions of clients that callers were served: none is followed by an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cachetools import LRUCache

from gateway.cache.store.entity import version_of
from gateway.cache.store.keys import EntityKey
from schema.source.records import ClientRecord

_MAX_VERSIONS = 20_000
"""Versions held against responses that overtake each other: 200 full pages in flight."""


class _Seen(NamedTuple):
    version: int
    first_served_at: float
    at: float
    """When the latest reading that returned it was sent."""


class ServedVersions:
    """The highest version of each client that its caller was served.

    A served version expires after `bound` seconds, because an API may be restored from a backup.
    """

    def __init__(self, clock: Callable[[], float], bound: float) -> None:
        self._clock = clock
        self._bound = bound
        self._seen: LRUCache[EntityKey, _Seen] = LRUCache(_MAX_VERSIONS)

    def is_outdated(self, key: EntityKey, record: ClientRecord, at: float | None = None) -> bool:
        """Return True if the caller was already served a later version than a reading sent at `at`.

        `at` is now by default.
        """
        version, seen = version_of(record), self._seen.get(key)
        if version is None or seen is None or version >= seen.version:
            return False
        return (self._clock() if at is None else at) <= seen.at + self._bound

    def was_overtaken(self, key: EntityKey, at: float) -> bool:
        """Return True if the later version was served after a reading was sent at `at`.

        A request sent afterwards should return no earlier version.
        """
        return at < self._seen[key].first_served_at

    def note(self, key: EntityKey, record: ClientRecord, at: float | None = None) -> bool:
        """Note that the caller is served a record read at `at`; return True if it is a new version.

        An outdated record is not noted.
        """
        version = version_of(record)
        if version is None:
            return False
        now, seen = self._clock(), self._seen.get(key)
        if seen is not None and seen.version == version:
            self._seen[key] = seen._replace(at=max(seen.at, seen.at if at is None else at))
            return False
        if self.is_outdated(key, record, at):
            return False
        self._seen[key] = _Seen(version, now, now if at is None else at)
        return True

    def forget(self, key: EntityKey) -> None:
        """Accept any version of this client from now on."""
        self._seen.pop(key, None)
