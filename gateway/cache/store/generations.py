"""Fencing tokens: a reading sent before a write is not stored after it.

They are lease tokens in the sense of "Scaling Memcache at Facebook" (NSDI 2013, 3.2.1).
"""

from gateway.cache.store.keys import EntityKey, Partition

FencingToken = tuple[int, int]
"""The generations under which a reading was sent; an equal token means no write since."""
OUTDATED: FencingToken = (-1, -1)
"""The token of a reading that something was written after: it equals no other."""


class Generations:
    """Counters that only increase. At most `limit` are held.

    The counters that were increased longest ago are evicted first, and count as increased: in doubt
    a reading is not stored.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._clock = 0
        self._evicted = 0
        self._marks: dict[EntityKey | Partition | tuple[str, Partition], int] = {}

    def of_client(self, key: EntityKey) -> FencingToken:
        """Return the token of one caller's client."""
        return self._mark(key.partition), self._mark(key)

    def of_lists(self, partition: Partition) -> FencingToken:
        """Return the token of all of one caller's lists."""
        return self._mark(partition), self._mark(("lists", partition))

    def of_responses(self, partition: Partition) -> FencingToken:
        """Return the token of all cached responses to one caller."""
        return self._mark(partition), self._mark(("responses", partition))

    def bump_all(self) -> None:
        """Invalidate all readings and responses."""
        self._marks.clear()
        self._clock += 1
        self._evicted = self._clock

    def bump_responses(self, partition: Partition) -> None:
        """Invalidate this caller's responses: an entry has changed."""
        self.bump(("responses", partition))

    def bump_lists(self, partition: Partition) -> None:
        """Invalidate readings of this caller's lists: a write begins or has ended."""
        self.bump(("lists", partition))

    def _mark(self, of: EntityKey | Partition | tuple[str, Partition]) -> int:
        return self._marks.get(of, self._evicted)

    def bump(self, of: EntityKey | Partition | tuple[str, Partition]) -> None:
        """Invalidate readings: of one client, as a write begins or has ended, or of a caller."""
        self._marks.pop(of, None)
        self._clock += 1
        self._marks[of] = self._clock
        if len(self._marks) > self._limit:
            self._evicted = self._marks.pop(next(iter(self._marks)))
