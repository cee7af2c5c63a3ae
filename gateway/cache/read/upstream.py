"""Reads that requests share: on whose behalf they are sent, and whose receipt they are on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from gateway.cache.store.keys import Partition
from schema.source.errors import Forbidden, Unauthenticated
from schema.source.protocols import ClientReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.cache.policy.cost_attribution import CostAttribution
    from gateway.cache.store.fenced import FencedCache
    from schema.source.records import Window
    from schema.source.request_context import RequestContext, Waiters

T = TypeVar("T")


class PricedReader(ClientReader, Protocol):
    """A reader that knows what its pages cost."""

    def page_cost(self, window: Window, /) -> int:
        """Return the calls for reading `window`."""
        ...


class Upstream:
    """Sends shared reads to `reader`, each with a time limit of at least `seconds`."""

    def __init__(
        self, reader: PricedReader, memory: FencedCache, accounts: CostAttribution, seconds: float
    ) -> None:
        self.reader = reader
        self.page_cost = reader.page_cost
        self._memory = memory
        self._accounts = accounts
        self._seconds = seconds

    async def send(
        self,
        operation: RequestContext,
        at: float,
        waiters: Waiters,
        read: Callable[[RequestContext], Awaitable[T]],
    ) -> tuple[T, bool]:
        """Return the result of `read`, sent at `at` for all `waiters`, and True if rows moved.

        If the API rejects the credential, everything of this caller is removed.
        """
        flight = self._accounts.flight(operation, at + self._seconds, waiters)
        try:
            return await read(flight), flight.receipt.drift
        except (Unauthenticated, Forbidden):
            self._memory.purge(Partition(operation.caller))
            raise
        finally:
            self._accounts.attribute(operation, flight)
