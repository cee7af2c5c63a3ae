"""The context of an upstream call: priority, payer and receipt."""

from dataclasses import dataclass, field

from gateway.transport.messages import Request
from schema.source.request_context import CallBudget, Priority, Receipt, Waiters

_AWAITED = frozenset({Priority.INTERACTIVE, Priority.ENTITIES})


@dataclass(slots=True)  # not frozen: `frozen=True` costs a microsecond a call
class CallContext:
    """The priority, payer and receipt of one request."""

    priority: Priority
    partition: str
    """The caller whose share of the window pays."""
    credential: str
    """Keyed hash of the credential, the key of its standing with the API."""
    receipt: Receipt
    """Records every request that was sent."""
    waiters: Waiters = field(default_factory=Waiters)
    """The callers that wait for the response."""
    call_budget: CallBudget = field(default_factory=CallBudget)
    """The calls that the operation has spent, and its limit."""

    def is_abandoned(self) -> bool:
        """Return True if all callers of an interactive read have left; then abandon the read.

        Writes and background refreshes are never abandoned: a write must end with a known outcome,
        and a refresh serves later requests.
        """
        return self.priority in _AWAITED and self.waiters.abandon()


Call = Request[CallContext]
"""A request to the API, with its context."""
