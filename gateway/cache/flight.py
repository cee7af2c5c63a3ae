"""One load shared by everybody who misses the same thing at the same time."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from schema.failures import Unavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine, Hashable, Iterable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Flight(Generic[T]):
    """A load under way, whose answer will be as old as `at`."""

    task: asyncio.Task[T]
    at: float

    async def land(self, seconds: float) -> T:
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


class Flights(Generic[T]):
    """The loads under way, by what they will answer. A failed one is forgotten like any other."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Flight[T]] = {}

    def find(self, key: Hashable, oldest: float) -> Flight[T] | None:
        """The flight to join for `key`, unless it was sent before `oldest`."""
        flight = self._by_key.get(key)
        return flight if flight is not None and flight.at >= oldest else None

    def start(self, keys: Iterable[Hashable], load: Coroutine[Any, Any, T], at: float) -> Flight[T]:
        """Send `load`; it lands even if everybody who waits for it leaves."""
        flight = Flight(asyncio.create_task(load), at)
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
