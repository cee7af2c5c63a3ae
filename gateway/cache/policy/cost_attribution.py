"""Attribute each upstream call to exactly one receipt.

The receipt is that of the request that started the call or, if that response was already sent, the
same caller's next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cachetools import LRUCache

from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import Partition
from schema.source.errors import Forbidden, Unauthenticated
from schema.source.request_context import Caller, Receipt, RequestContext, Waiters

_CALLERS = 20_000
"""Callers whose unbilled calls are held; calls of evicted callers are not billed."""


class CostAttribution:
    """Attributes each upstream call to one receipt: the receipts add up to the calls sent."""

    def __init__(self, memory: FencedCache, seconds: float) -> None:
        """Create it; a shared read may take at least `seconds`."""
        self._memory = memory
        self._seconds = seconds
        self._unbilled: LRUCache[str, int] = LRUCache(_CALLERS)

    @contextmanager
    def shared(
        self, operation: RequestContext, at: float, waiters: Waiters
    ) -> Iterator[RequestContext]:
        """Give the context of a read that is sent at `at` for all `waiters`; bill it afterwards.

        If the receipt of `operation` is finalized, the caller's next one gets the cost. If the API
        rejects the credential, everything of this caller is removed.
        """
        deadline = max(operation.deadline, at + self._seconds)
        flight = replace(operation, deadline=deadline, receipt=Receipt(), waiters=waiters)
        try:
            yield flight
        except (Unauthenticated, Forbidden):
            self._memory.purge(Partition(operation.caller))
            raise
        finally:
            self._attribute(operation, flight.receipt)

    def _attribute(self, operation: RequestContext, spent: Receipt) -> None:
        receipt = operation.receipt
        receipt.budget = spent.budget or receipt.budget
        if not receipt.finalized:
            receipt.calls += spent.calls
        elif spent.calls:
            partition = operation.caller.partition
            self._unbilled[partition] = self._unbilled.get(partition, 0) + spent.calls

    def has_unbilled(self, caller: Caller) -> bool:
        """Return True if calls for this caller are on no receipt yet."""
        return bool(self._unbilled) and caller.partition in self._unbilled

    def bill(self, operation: RequestContext) -> None:
        """Add the caller's unbilled calls to this receipt."""
        if self._unbilled and not operation.receipt.finalized:
            operation.receipt.calls += self._unbilled.pop(operation.caller.partition, 0)
