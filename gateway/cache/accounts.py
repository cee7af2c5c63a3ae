"""Who pays for a flight: whoever started it or, if it was answered before, its next answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachetools import LRUCache

from schema.operation import Receipt

if TYPE_CHECKING:
    from schema.operation import Audience, Caller, Operation

_CALLERS = 20_000
"""Callers whose unpaid calls are held; a call is then owed by nobody."""


class Accounts:
    """Books each call sent on exactly one answer, so that receipts add up to what was spent."""

    def __init__(self) -> None:
        self._owed: LRUCache[str, int] = LRUCache(_CALLERS)

    def flight(self, operation: Operation, until: float, audience: Audience) -> Operation:
        """The operation as a flight for it travels: with a receipt and a deadline of its own.

        `audience` are all who wait for the flight.
        """
        deadline = max(operation.deadline, until)
        return replace(operation, deadline=deadline, receipt=Receipt(), audience=audience)

    def landed(self, operation: Operation, flight: Operation) -> None:
        """Book what a flight cost on the answer that it was for, if that was not told yet."""
        spent, receipt = flight.receipt, operation.receipt
        receipt.budget = spent.budget or receipt.budget
        if not receipt.closed:
            receipt.calls += spent.calls
        elif spent.calls:
            partition = operation.caller.partition
            self._owed[partition] = self._owed.get(partition, 0) + spent.calls

    def owes(self, caller: Caller) -> bool:
        """Whether this caller's earlier answers left anything unpaid."""
        return bool(self._owed) and caller.partition in self._owed

    def settle(self, operation: Operation) -> None:
        """Put what this caller's earlier answers left unpaid on this one."""
        if self._owed and not operation.receipt.closed:
            operation.receipt.calls += self._owed.pop(operation.caller.partition, 0)
