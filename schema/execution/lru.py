"""What was made of documents, remembered while it is asked for: the latest of all together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")

REMEMBERED_BYTES = 16 * 1024 * 1024
"""Bytes of all that one memory holds, with the documents behind it."""


class WeightedLRU(Generic[T]):
    """Values by key, the latest used of them, whose sizes come to no more than `most` bytes."""

    def __init__(self, most: int = REMEMBERED_BYTES) -> None:
        self._most = most
        self._held: dict[Hashable, tuple[T, int]] = {}
        self.size = 0
        """Of all that is held."""

    def find(self, key: Hashable) -> T | None:
        """The value held under `key`; it is now the last to go."""
        found = self._held.pop(key, None)
        if found is None:
            return None
        self._held[key] = found
        return found[0]

    def put(self, key: Hashable, value: T, size: int) -> None:
        """Hold a value for a key that has none, unless it alone is larger than all may be."""
        if size > self._most:
            return
        self._held[key] = value, size
        self.size += size
        while self.size > self._most:
            self.size -= self._held.pop(next(iter(self._held)))[1]
