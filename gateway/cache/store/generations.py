"""Fences: a reading sent before a write may not be remembered after it.

Lease tokens in the sense of "Scaling Memcache at Facebook" (NSDI 2013, 3.2.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cache.store.keys import EntityKey, Partition

FencingToken = tuple[int, int]
"""The generations under which a reading was sent; equal means that nothing was written since."""


class Generations:
    """Counts that only rise. At most `limit` are kept apart.

    The longest unraised are forgotten first, and then count as raised: in doubt a reading
    is not remembered.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._clock = 0
        self._forgotten = 0
        self._marks: dict[EntityKey | Partition | tuple[str, Partition], int] = {}

    def of_client(self, key: EntityKey) -> FencingToken:
        """The fence of one caller's client."""
        return self._mark(key.partition), self._mark(key)

    def of_lists(self, partition: Partition) -> FencingToken:
        """The fence of all of one caller's lists."""
        return self._mark(partition), self._mark(("lists", partition))

    def of_responses(self, partition: Partition) -> FencingToken:
        """The fence of all that one caller may be answered from memory."""
        return self._mark(partition), self._mark(("answers", partition))

    def bump_responses(self, partition: Partition) -> None:
        """Something that this caller may be answered has changed."""
        self._bump(("answers", partition))

    def bump_client(self, key: EntityKey) -> None:
        """This client is being written, or was."""
        self._bump(key)

    def bump_lists(self, partition: Partition) -> None:
        """Rows of this caller are being written, or were."""
        self._bump(("lists", partition))

    def bump_caller(self, partition: Partition) -> None:
        """Nothing this caller was reading may be remembered."""
        self._bump(partition)

    def _mark(self, of: EntityKey | Partition | tuple[str, Partition]) -> int:
        return self._marks.get(of, self._forgotten)

    def _bump(self, of: EntityKey | Partition | tuple[str, Partition]) -> None:
        self._marks.pop(of, None)
        self._clock += 1
        self._marks[of] = self._clock
        if len(self._marks) > self._limit:
            self._forgotten = self._marks.pop(next(iter(self._marks)))
