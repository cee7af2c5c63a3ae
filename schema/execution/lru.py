"""An LRU cache bounded by the total size of its values."""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_BYTES = 16 * 1024 * 1024
"""Default bound of one cache, in bytes; documents behind its values are counted."""


class WeightedLRU(Generic[T]):
    """The most recently used values by key, with a total size of at most `max_bytes`."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held: dict[Hashable, tuple[T, int]] = {}
        self.size = 0
        """Total size of the held values, in bytes."""

    def find(self, key: Hashable) -> T | None:
        """Return the value under `key` and mark it as the most recently used."""
        found = self._held.pop(key, None)
        if found is None:
            return None
        self._held[key] = found
        return found[0]

    def put(self, key: Hashable, value: T, size: int) -> None:
        """Add a value for a new key, unless the value alone exceeds the bound."""
        if size > self._max_bytes:
            return
        self._held[key] = value, size
        self.size += size
        while self.size > self._max_bytes:
            self.size -= self._held.pop(next(iter(self._held)))[1]

    def grow(self, key: Hashable, value: T, size: int) -> None:
        """Add to the size of `value`, if it is still held under `key`."""
        found = self._held.get(key)
        if found is not None and found[0] is value:
            del self._held[key]
            self.size -= found[1]
            self.put(key, value, found[1] + size)
