"""Who waits for a turn: the most urgent lane first, within a lane whoever came first."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from schema.operation import Lane


class Turn(NamedTuple):
    """Leave to send one request: its number in the ledger, and whether it tries the gate."""

    number: int
    trying: bool


@dataclass(order=True, slots=True)
class Waiter:
    """Somebody waiting. `turn` is given a turn or a failure, or is cancelled by who gives up."""

    lane: Lane
    arrival: int
    turn: asyncio.Future[Turn] = field(compare=False)
    deadline: float = field(compare=False)
    patience_ends: float | None = field(default=None, compare=False)
    """When holding out for the window to open becomes too long; None while not held by it."""


class Line:
    """Waiters in the order they are served; those who left are not seen again."""

    def __init__(self) -> None:
        self._heap: list[Waiter] = []
        self._arrivals = 0

    def __len__(self) -> int:
        return sum(not waiter.turn.done() for waiter in self._heap)

    def __iter__(self) -> Iterator[Waiter]:
        return (waiter for waiter in sorted(self._heap) if not waiter.turn.done())

    def join(self, lane: Lane, turn: asyncio.Future[Turn], deadline: float) -> Waiter:
        """Stand behind all of this lane."""
        self._arrivals += 1
        waiter = Waiter(lane, self._arrivals, turn, deadline)
        heapq.heappush(self._heap, waiter)
        return waiter

    def head(self) -> Waiter | None:
        """Who is next; None when nobody waits."""
        while self._heap and self._heap[0].turn.done():
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None
