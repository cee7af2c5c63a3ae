"""The contract between the cache and the gateways that share it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from gateway.cache.coherence.events import Event
from gateway.storage.journal.commands import Position

T = TypeVar("T")
K = TypeVar("K")
ReadName = tuple[str | int | None, ...]
"""What is read, for whom and by which credential."""


class Coherence(Protocol):
    """How the cache's changes become known to other gateways, and theirs to this cache."""

    is_shared: bool
    """Whether there are other gateways."""

    @property
    def position(self) -> Position | None:
        """Which of the shared changes this cache has; noted when a read is sent."""

    def in_doubt(self) -> bool:
        """Return True if another gateway may have answered what this cache does not have."""

    def is_agreed(self, partition: str) -> bool:
        """Return True if all gateways have what this one has of a caller."""

    async def agreed(self, partition: str) -> bool:
        """Wait for that, for a short time; return whether it is so."""

    async def turns(
        self, names: Mapping[K, ReadName], find: Callable[[K], T | None]
    ) -> tuple[dict[K, T], Sequence[str]]:
        """Wait for the reads that other gateways have under way.

        Return what `find` returns for them, and the flights of the others, which are to be sent.
        """

    async def read(
        self, event: Event, act: Callable[[], T], based_on: Position | None, flights: Sequence[str]
    ) -> T:
        """Have all gateways store a reading, this one by `act`; return its result.

        It ends `flights`.
        """

    def end(self, flights: Sequence[str]) -> None:
        """End flights without a result."""

    async def write(self, event: Event, act: Callable[[], T]) -> T:
        """Have all gateways apply a write, this one by `act`; return its result."""

    def spread(self, event: Event) -> None:
        """Have the other gateways apply an event, soon."""


class SingleGateway:
    """A gateway without others (`Coherence`)."""

    is_shared = False
    position = None

    def in_doubt(self) -> bool:
        """Return False."""
        return False

    def is_agreed(self, partition: str) -> bool:
        """Return True."""
        del partition
        return True

    async def agreed(self, partition: str) -> bool:
        """Return True."""
        del partition
        return True

    async def turns(
        self, names: Mapping[K, ReadName], find: Callable[[K], T | None]
    ) -> tuple[dict[K, T], Sequence[str]]:
        """Return nothing."""
        del names, find
        return {}, ()

    async def read(
        self, event: Event, act: Callable[[], T], based_on: Position | None, flights: Sequence[str]
    ) -> T:
        """Return the result of `act`."""
        del event, based_on, flights
        return act()

    def end(self, flights: Iterable[str]) -> None:
        """Do nothing."""

    async def write(self, event: Event, act: Callable[[], T]) -> T:
        """Return the result of `act`."""
        del event
        return act()

    def spread(self, event: Event) -> None:
        """Do nothing."""
