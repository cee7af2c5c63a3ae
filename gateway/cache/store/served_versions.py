"""The versions of clients that callers were served: none is followed by an earlier one."""

from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

import msgspec

from gateway.cache.store.entity import version_of
from gateway.cache.store.keys import EntityKey, Partition
from schema.source.records import ClientRecord

_MAX_VERSIONS = 20_000
"""Versions held against responses that overtake each other: 200 full pages in flight."""


class _Seen(msgspec.Struct, frozen=True, gc=False):
    version: int
    first_served_at: float
    at: float
    """When the latest reading that returned it was sent."""


class ServedVersions:
    """The highest version of each client that its caller was served.

    A served version expires after `bound` seconds, because an API may be restored from a backup.
    The versions of the callers that were served nothing for the longest time are evicted first.
    """

    def __init__(self, clock: Callable[[], float], bound: float) -> None:
        self._clock = clock
        self._bound = bound
        self._seen: OrderedDict[Partition, dict[str, _Seen]] = OrderedDict()
        self._count = 0

    def is_outdated(self, key: EntityKey, record: ClientRecord, at: float | None = None) -> bool:
        """Return True if the caller was already served a later version than a reading sent at `at`.

        `at` is now by default.
        """
        version, seen = version_of(record), self._find(key)
        if version is None or seen is None or version >= seen.version:
            return False
        return (self._clock() if at is None else at) <= seen.at + self._bound

    def was_overtaken(self, key: EntityKey, at: float) -> bool:
        """Return True if the later version was served after a reading was sent at `at`.

        A request sent afterwards should return no earlier version.
        """
        seen = self._find(key)
        return seen is not None and at < seen.first_served_at

    def note(self, key: EntityKey, record: ClientRecord, at: float | None = None) -> bool:
        """Note that the caller is served a record read at `at`; return True if it is a new version.

        An outdated record is not noted.
        """
        version = version_of(record)
        if version is None:
            return False
        seen = self._find(key)
        if seen is not None and seen.version == version:
            if at is not None and at > seen.at:
                self._put(key, _Seen(version, seen.first_served_at, at))
            return False
        if self.is_outdated(key, record, at):
            return False
        now = self._clock()
        self._put(key, _Seen(version, now, now if at is None else at))
        return True

    def forget(self, key: EntityKey) -> None:
        """Accept any version of this client from now on."""
        seen = self._seen.get(key.partition, {})
        if seen.pop(key.id, None) is not None:
            self._count -= 1

    def _find(self, key: EntityKey) -> _Seen | None:
        partition, id = key
        seen = self._seen.get(partition)
        return None if seen is None else seen.get(id)

    def _put(self, key: EntityKey, seen: _Seen) -> None:
        partition, id = key
        versions = self._seen.setdefault(partition, {})
        self._seen.move_to_end(partition)
        self._count += id not in versions
        versions[id] = seen
        while self._count > _MAX_VERSIONS:
            self._evict()

    def _evict(self) -> None:
        """Remove all of one caller, or a part if there is no other."""
        partition, versions = next(iter(self._seen.items()))
        if len(self._seen) > 1:
            del self._seen[partition]
            self._count -= len(versions)
            return
        for id in list(islice(versions, 1 + _MAX_VERSIONS // 8)):
            del versions[id]
            self._count -= 1
