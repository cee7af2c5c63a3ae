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
        self._held: dict[Hashable, tuple[T, int, tuple[Hashable, int]]] = {}
        self._shared: dict[Hashable, tuple[int, int]] = {}
        """By part, how many values share it, and its size as it was counted."""
        self.size = 0
        """Total size of the held values, in bytes."""

    def find(self, key: Hashable) -> T | None:
        """Return the value under `key` and mark it as the most recently used."""
        found = self._held.pop(key, None)
        if found is None:
            return None
        self._held[key] = found
        return found[0]

    def put(
        self, key: Hashable, value: T, size: int, shared: tuple[Hashable, int] = (None, 0)
    ) -> None:
        """Add a value for a new key, unless the value alone exceeds the bound.

        `shared` names a part that other values have, too, and its size: it is counted once.
        """
        part, more = shared
        if size + more > self._max_bytes:
            return
        count, counted = self._shared.get(part, (0, more))
        self._held[key], self._shared[part] = (value, size, shared), (count + 1, counted)
        self.size += size if count else size + counted
        while self.size > self._max_bytes:
            self._drop(next(iter(self._held)))

    def _drop(self, key: Hashable) -> None:
        _, size, (part, _) = self._held.pop(key)
        count, counted = self._shared.pop(part)
        self.size -= size if count > 1 else size + counted
        if count > 1:
            self._shared[part] = count - 1, counted

    def grow(self, key: Hashable, value: T, size: int) -> None:
        """Add to the size of `value`, if it is still held under `key`."""
        found = self._held.get(key)
        if found is not None and found[0] is value:
            self._drop(key)
            self.put(key, value, found[1] + size, found[2])
