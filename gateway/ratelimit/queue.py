"""The queue of requests that wait for a permit: by priority, and fair among callers."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gateway.ratelimit.admission import Permit
from gateway.ratelimit.call_context import Call, CallContext
from schema.source.request_context import Priority

AGEING = 1.0
"""Seconds of waiting that raise a request by one priority."""


@dataclass(eq=False, slots=True)
class Waiter:
    """A waiting request. `permit` gets a permit or an error; the caller cancels it to give up."""

    call: Call
    permit: asyncio.Future[Permit]
    since: float
    arrival: int
    expires_at: float | None = None
    """When waiting for the window becomes too long; None while the window is not the reason."""

    @property
    def context(self) -> CallContext:
        """The context of the call."""
        return self.call.context


class FairQueue:
    """The waiting requests, in the order in which they are served.

    Within a priority callers alternate (deficit round robin, where every call costs the same), so
    that one caller's burst does not delay another's single request. Priorities come in order of
    urgency, and waiting raises the priority, so that no request starves.
    """

    def __init__(self) -> None:
        self._by_priority: dict[Priority, OrderedDict[str, deque[Waiter]]] = {
            priority: OrderedDict() for priority in Priority
        }
        self._arrivals = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def __iter__(self) -> Iterator[Waiter]:
        # A list: the queue may change during the iteration.
        return iter(
            [
                waiter
                for callers in self._by_priority.values()
                for waiters in callers.values()
                for waiter in waiters
            ]
        )

    def depths(self) -> dict[Priority, int]:
        """Return the number of waiters of each priority."""
        return {
            priority: sum(map(len, callers.values()))
            for priority, callers in self._by_priority.items()
        }

    def heads(self) -> Iterator[Waiter]:
        """Return the first waiter of each caller in each priority."""
        return (
            waiters[0] for callers in self._by_priority.values() for waiters in callers.values()
        )

    def join(self, call: Call, permit: asyncio.Future[Permit], now: float) -> Waiter:
        """Append a request to this caller's queue."""
        self._arrivals += 1
        self._waiting += 1
        waiter, context = Waiter(call, permit, now, self._arrivals), call.context
        self._by_priority[context.priority].setdefault(context.partition, deque()).append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiter, if it is still in the queue."""
        callers = self._by_priority[waiter.context.priority]
        waiters = callers.get(waiter.context.partition)
        if waiters is None or waiter not in waiters:
            return
        waiters.remove(waiter)
        self._waiting -= 1
        if not waiters:
            del callers[waiter.context.partition]

    def next(self, now: float, rank: Callable[[CallContext], int | None]) -> Waiter | None:
        """Remove and return the next waiter; None if none can be served.

        `rank` returns None for a context that cannot be served now, else its rank; 0, for most
        contexts, comes first.
        """
        best, chosen = None, None
        for priority, callers in self._by_priority.items():
            found = _first(callers.values(), rank)
            if found is None:
                continue
            found_rank, waiter = found
            aged = max(0, priority - int((now - waiter.since) / AGEING))
            order = (found_rank, aged, waiter.arrival)
            if best is None or order < best:
                best, chosen = order, waiter
        if chosen is not None:
            self.leave(chosen)
            callers = self._by_priority[chosen.context.priority]
            if chosen.context.partition in callers:
                callers.move_to_end(chosen.context.partition)
        return chosen

    def newest_of_longest(self, newcomer: CallContext) -> Waiter | None:
        """Return the last waiter of the caller with most waiters; None if `newcomer` has as many.

        A write is not removed for another request; any other request is removed for a write.
        """
        by_caller: dict[str, list[Waiter]] = {}
        for waiter in self:
            if waiter.context.priority is not Priority.WRITE:
                by_caller.setdefault(waiter.context.partition, []).append(waiter)
        longest = max(by_caller.values(), key=len, default=[])
        own = (
            -1
            if newcomer.priority is Priority.WRITE
            else len(by_caller.get(newcomer.partition, ()))
        )
        if len(longest) <= own + 1:
            return None
        return max(longest, key=lambda waiter: waiter.arrival)


def _first(
    callers: Iterable[deque[Waiter]], rank: Callable[[CallContext], int | None]
) -> tuple[int, Waiter] | None:
    """Return, of the callers of one priority in their order, the first waiter of the best rank."""
    best: tuple[int, Waiter] | None = None
    for waiters in callers:
        found_rank = rank(waiters[0].context)
        if found_rank is not None and (best is None or found_rank < best[0]):
            best = found_rank, waiters[0]
            if not found_rank:
                break
    return best
