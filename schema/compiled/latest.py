"""What was made of documents, remembered while it is asked for: the latest of all together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

REMEMBERED_TOKENS = 50_000
"""Tokens of the documents behind all that is remembered; a token takes about half a KiB."""


class Latest(Generic[T]):
    """Values by key, the latest used of them, whose sizes come to no more than `most`."""

    def __init__(self, most: int = REMEMBERED_TOKENS) -> None:
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

    def hold(self, key: Hashable, value: T, size: int) -> None:
        """Hold a value for a key that has none."""
        self._held[key] = value, size
        self.size += size
        while self.size > self._most and len(self._held) > 1:
            self.size -= self._held.pop(next(iter(self._held)))[1]

    def get(self, key: Hashable, size: int, make: Callable[[], T]) -> T:
        """The value held under `key`, or the one that is made now."""
        value = self.find(key)
        if value is None:
            value = make()
            self.hold(key, value, size)
        return value
