"""One load shared by everybody who misses the same thing at the same time."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from schema.source.errors import Unavailable
from schema.source.request_context import Waiters

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Iterable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetch(Generic[T]):
    """A load under way, whose answer will be as old as `at`."""

    task: asyncio.Task[T]
    at: float
    audience: Waiters
    """Those who wait for it."""

    async def wait(self, seconds: float) -> T:
        """Its answer, or the failure that all its waiters share.

        Whoever leaves, or has waited for `seconds`, leaves the flight to the others.
        """
        try:
            async with asyncio.timeout(seconds if math.isfinite(seconds) else None):
                return await asyncio.shield(self.task)
        except TimeoutError:
            raise Unavailable(
                "The Clients API did not answer in time.", code="UPSTREAM_TIMEOUT"
            ) from None


class SingleFlight(Generic[T]):
    """The loads under way, by what they will answer. A failed one is forgotten like any other."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Fetch[T]] = {}

    def join(self, key: Hashable, oldest: float, who: Waiters) -> Fetch[T] | None:
        """Wait for the flight of `key`, unless it was sent before `oldest` or was given up."""
        flight = self._by_key.get(key)
        if flight is None or flight.at < oldest or not flight.audience.join(who):
            return None
        return flight

    def start(
        self,
        keys: Iterable[Hashable],
        load: Callable[[Waiters], Coroutine[Any, Any, T]],
        at: float,
        who: Waiters,
    ) -> Fetch[T]:
        """Send the load. Once let out it lands even if everybody who waits for it leaves."""
        audience = Waiters(who)
        flight = Fetch(asyncio.create_task(load(audience)), at, audience)
        names = tuple(keys)
        self._by_key |= dict.fromkeys(names, flight)

        def landed(task: asyncio.Task[T]) -> None:
            for name in names:
                if self._by_key.get(name) is flight:
                    del self._by_key[name]
            if not task.cancelled():
                task.exception()  # seen, also when all who waited for it have left

        flight.task.add_done_callback(landed)
        return flight
