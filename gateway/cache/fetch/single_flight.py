"""Single flight: one fetch shared by all requests that miss the same key at the same time."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from gateway.shared_task import SharedTask
from schema.source.errors import Unavailable
from schema.source.request_context import Waiters

T = TypeVar("T")
Key = TypeVar("Key", bound=Hashable)


class Fetch(SharedTask[T]):
    """A fetch under way; its result counts as read at `at`."""

    def __init__(
        self,
        load: Callable[[Waiters], Coroutine[Any, Any, T]],
        at: float,
        who: Waiters,
        when_ended: Callable[["Fetch[T]"], None],
    ) -> None:
        self.at = at
        self.waiters = Waiters(who)
        """The requests that wait for it."""
        super().__init__(load(self.waiters), lambda: when_ended(self))

    async def wait(self, seconds: float) -> T:
        """Return its result, or raise the failure that all waiters share.

        A waiter that leaves, or has waited for `seconds`, does not cancel the fetch for the others.
        """
        try:
            async with asyncio.timeout(seconds if math.isfinite(seconds) else None):
                return await self.result()
        except TimeoutError:
            raise Unavailable(
                "The Clients API did not answer in time.", code="UPSTREAM_TIMEOUT"
            ) from None


class SingleFlight(Generic[Key, T]):
    """The fetches under way by key. A failed fetch is removed like any other."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Fetch[T]] = {}
        self.joined = 0
        """How often a fetch was joined."""

    def __iter__(self) -> Iterator[Key]:
        """Return the keys that are being fetched."""
        return iter(self._by_key)

    def is_joinable(self, key: Key, oldest: float) -> bool:
        """Return True if a fetch of `key` is under way that was not sent before `oldest`."""
        flight = self._by_key.get(key)
        return flight is not None and flight.at >= oldest

    def join(self, key: Key, oldest: float, who: Waiters) -> Fetch[T] | None:
        """Join the fetch of `key`, unless it was sent before `oldest` or was abandoned."""
        flight = self._by_key.get(key)
        if flight is None or flight.at < oldest or not flight.waiters.join(who):
            return None
        self.joined += 1
        return flight

    def start(
        self,
        keys: Iterable[Key],
        load: Callable[[Waiters], Coroutine[Any, Any, T]],
        at: float,
        who: Waiters,
    ) -> Fetch[T]:
        """Start a fetch. It continues even if all its waiters leave after it was sent."""
        fetched_keys = tuple(keys)

        def remove(flight: Fetch[T]) -> None:
            for name in fetched_keys:
                if self._by_key.get(name) is flight:
                    del self._by_key[name]

        flight = Fetch(load, at, who, remove)
        self._by_key |= dict.fromkeys(fetched_keys, flight)
        return flight
