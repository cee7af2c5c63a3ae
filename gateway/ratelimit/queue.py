"""Who waits for a turn: the most urgent lane first, within a lane each caller in its turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schema.source.request_context import Priority

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator

    from gateway.call_context import CallContext
    from gateway.ratelimit.admission import Permit

AGEING = 1.0
"""Seconds of waiting that make a request as urgent as the lane before its own."""


@dataclass(eq=False, slots=True)
class Waiter:
    """Somebody waiting. `turn` is given a turn or a failure, or is cancelled by who gives up."""

    context: CallContext
    permit: asyncio.Future[Permit]
    since: float
    arrival: int
    expires_at: float | None = None
    """When holding out for the window to open becomes too long; None while not held by it."""


class FairQueue:
    """Waiters in the order they are served.

    Within a lane callers take turns (deficit round robin, where every call costs the same);
    nobody's burst stands before another's single question. Lanes go by urgency, and whoever has
    waited for a while is as urgent as those before: nothing starves.
    """

    def __init__(self) -> None:
        self._lanes: dict[Priority, OrderedDict[str, deque[Waiter]]] = {
            lane: OrderedDict() for lane in Priority
        }
        self._arrivals = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def __iter__(self) -> Iterator[Waiter]:
        everybody = [
            waiter
            for callers in self._lanes.values()
            for waiters in callers.values()
            for waiter in waiters
        ]
        return iter(everybody)

    def heads(self) -> Iterator[Waiter]:
        """Of each caller in each lane, who is served before its others."""
        return (waiters[0] for callers in self._lanes.values() for waiters in callers.values())

    def join(self, terms: CallContext, turn: asyncio.Future[Permit], now: float) -> Waiter:
        """Stand behind this caller's others."""
        self._arrivals += 1
        self._waiting += 1
        waiter = Waiter(terms, turn, now, self._arrivals)
        self._lanes[terms.lane].setdefault(terms.partition, deque()).append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Stand in line no more, if one still does."""
        callers = self._lanes[waiter.context.lane]
        waiters = callers.get(waiter.context.partition)
        if waiters is None or waiter not in waiters:
            return
        waiters.remove(waiter)
        self._waiting -= 1
        if not waiters:
            del callers[waiter.context.partition]

    def next(self, now: float, rank: Callable[[CallContext], int | None]) -> Waiter | None:
        """Take out who is served next; None when nobody can be.

        `rank` says of a waiter's terms whether they may go now (else None), and how far behind
        all others: 0 for most.
        """
        best, chosen = None, None
        for lane, callers in self._lanes.items():
            found = _first(callers.values(), rank)
            if found is None:
                continue
            place, waiter = found
            aged = max(0, lane - int((now - waiter.since) / AGEING))
            order = (place, aged, waiter.arrival)
            if best is None or order < best:
                best, chosen = order, waiter
        if chosen is not None:
            self.leave(chosen)
            callers = self._lanes[chosen.context.lane]
            if chosen.context.partition in callers:
                callers.move_to_end(chosen.context.partition)
        return chosen

    def newest_of_longest(self, newcomer: CallContext) -> Waiter | None:
        """The last waiter of whoever has most in line; None if `newcomer` would have as many.

        A write gives way to nobody, and everybody to a write.
        """
        most: dict[str, list[Waiter]] = {}
        for waiter in self:
            if waiter.context.lane is not Priority.WRITE:
                most.setdefault(waiter.context.partition, []).append(waiter)
        crowd = max(most.values(), key=len, default=[])
        own = -1 if newcomer.lane is Priority.WRITE else len(most.get(newcomer.partition, ()))
        if len(crowd) <= own + 1:
            return None
        return max(crowd, key=lambda waiter: waiter.arrival)


def _first(
    callers: Iterable[deque[Waiter]], rank: Callable[[CallContext], int | None]
) -> tuple[int, Waiter] | None:
    """Of a lane's callers, in whose turn it is, the first of the best rank."""
    best: tuple[int, Waiter] | None = None
    for waiters in callers:
        place = rank(waiters[0].context)
        if place is not None and (best is None or place < best[0]):
            best = place, waiters[0]
            if not place:
                break
    return best
