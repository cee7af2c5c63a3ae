"""Attribute each upstream call to exactly one receipt.

The receipt is that of the request that started the call or, if that response was already sent, the
same caller's next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import LRUCache

if TYPE_CHECKING:
    from schema.source.request_context import Caller, RequestContext

_CALLERS = 20_000
"""Callers whose unbilled calls are held; calls of evicted callers are not billed."""


class CostAttribution:
    """Attributes each upstream call to one receipt: the receipts add up to the calls sent."""

    def __init__(self) -> None:
        self._unbilled: LRUCache[str, int] = LRUCache(_CALLERS)

    def attribute(self, operation: RequestContext, flight: RequestContext) -> None:
        """Add the cost of a fetch to the receipt of its request.

        If the receipt is finalized, the caller's next receipt gets the cost.
        """
        spent, receipt = flight.receipt, operation.receipt
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
