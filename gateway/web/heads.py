"""Heads known again, where a server does not say which connection a request came on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.web.head import Head

if TYPE_CHECKING:
    from collections.abc import Iterable

    Said = tuple[tuple[bytes, bytes], ...]


class Heads:
    """The heads of late, by all that they say.

    What clients say of themselves, credentials among it, is forgotten at the latest twice
    `seconds` after they said it last; at most twice `most` are remembered.
    """

    def __init__(self, *, seconds: float = 5.0, most: int = 256) -> None:
        self._seconds = seconds
        self._most = most
        self._young: dict[Said, Head] = {}
        self._old: dict[Said, Head] = {}
        self._ageing: asyncio.TimerHandle | None = None

    def of(self, headers: Iterable[tuple[bytes, bytes]]) -> Head:
        """The head that says this."""
        said = tuple(headers)
        head = self._young.get(said)
        if head is None:
            head = self._old.get(said) or Head(said)
            if len(self._young) == self._most:
                self._age()
            self._young[said] = head
            if self._ageing is None:
                self._ageing = asyncio.get_running_loop().call_later(self._seconds, self._age)
        return head

    def _age(self) -> None:
        """What was not said again since the last time is forgotten."""
        if self._ageing is not None:
            self._ageing.cancel()
            self._ageing = None
        self._old, self._young = self._young, {}
        if self._old:
            self._ageing = asyncio.get_running_loop().call_later(self._seconds, self._age)
