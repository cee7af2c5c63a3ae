"""What a request tells the transports: the terms on which it may be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from schema.source.request_context import CallBudget, Priority, Waiters

if TYPE_CHECKING:
    import httpx

    from schema.source.request_context import Receipt

EXTENSION = "gateway.terms"
"""Key in `httpx.Request.extensions` under which the terms travel."""
_AWAITED = frozenset({Priority.INTERACTIVE, Priority.ENTITIES})


@dataclass(slots=True)  # nobody changes them; saying so costs a microsecond a call
class CallContext:
    """One request's deadline, urgency, payer and receipt. Transports know no more of it."""

    deadline: float
    """On the monotonic clock, in seconds."""
    lane: Priority
    partition: str
    """The caller whose share of the window pays."""
    credential: str
    """Keyed hash of what the API is shown: its standing with the API is known by it."""
    receipt: Receipt
    """Where every request really sent is written down."""
    audience: Waiters = field(default_factory=Waiters)
    """Who waits for the answer."""
    spending: CallBudget = field(default_factory=CallBudget)
    """What the operation it is sent for has spent, and may."""

    def is_abandoned(self) -> bool:
        """Whether it is a read that everybody who waited for it has left; then it is nobody's.

        Writes are seen through, and a refresh is for whoever comes next.
        """
        return self.lane in _AWAITED and self.audience.abandon()


def context_of(request: httpx.Request) -> CallContext:
    """The terms a request travels under; a request without them is a bug."""
    return cast("CallContext", request.extensions[EXTENSION])
