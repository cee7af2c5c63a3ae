"""Who pays for a flight: whoever started it or, if it was answered before, its next answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachetools import LRUCache

from schema.source.request_context import Receipt

if TYPE_CHECKING:
    from schema.source.request_context import Caller, RequestContext, Waiters

_CALLERS = 20_000
"""Callers whose unpaid calls are held; a call is then owed by nobody."""


class CostAttribution:
    """Books each call sent on exactly one answer, so that receipts add up to what was spent."""

    def __init__(self) -> None:
        self._unbilled: LRUCache[str, int] = LRUCache(_CALLERS)

    def flight(self, operation: RequestContext, until: float, audience: Waiters) -> RequestContext:
        """The operation as a flight for it travels: with a receipt and a deadline of its own.

        `audience` are all who wait for the flight.
        """
        deadline = max(operation.deadline, until)
        return replace(operation, deadline=deadline, receipt=Receipt(), audience=audience)

    def attribute(self, operation: RequestContext, flight: RequestContext) -> None:
        """Book what a flight cost on the answer that it was for, if that was not told yet."""
        spent, receipt = flight.receipt, operation.receipt
        receipt.budget = spent.budget or receipt.budget
        if not receipt.finalized:
            receipt.calls += spent.calls
        elif spent.calls:
            partition = operation.caller.partition
            self._unbilled[partition] = self._unbilled.get(partition, 0) + spent.calls

    def has_unbilled(self, caller: Caller) -> bool:
        """Whether this caller's earlier answers left anything unpaid."""
        return bool(self._unbilled) and caller.partition in self._unbilled

    def bill(self, operation: RequestContext) -> None:
        """Put what this caller's earlier answers left unpaid on this one."""
        if self._unbilled and not operation.receipt.finalized:
            operation.receipt.calls += self._unbilled.pop(operation.caller.partition, 0)
