"""What a request tells the transports: the terms on which it may be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from schema.operation import Audience, Lane, Spending

if TYPE_CHECKING:
    import httpx

    from schema.operation import Receipt

EXTENSION = "gateway.terms"
"""Key in `httpx.Request.extensions` under which the terms travel."""
_AWAITED = frozenset({Lane.INTERACTIVE, Lane.ENTITIES})


@dataclass(slots=True)  # nobody changes them; saying so costs a microsecond a call
class Terms:
    """One request's deadline, urgency, payer and receipt. Transports know no more of it."""

    deadline: float
    """On the monotonic clock, in seconds."""
    lane: Lane
    partition: str
    """The caller whose share of the window pays."""
    credential: str
    """Keyed hash of what the API is shown: its standing with the API is known by it."""
    receipt: Receipt
    """Where every request really sent is written down."""
    audience: Audience = field(default_factory=Audience)
    """Who waits for the answer."""
    spending: Spending = field(default_factory=Spending)
    """What the operation it is sent for has spent, and may."""

    def given_up(self) -> bool:
        """Whether it is a read that everybody who waited for it has left; then it is nobody's.

        Writes are seen through, and a refresh is for whoever comes next.
        """
        return self.lane in _AWAITED and self.audience.dismiss()


def terms_of(request: httpx.Request) -> Terms:
    """The terms a request travels under; a request without them is a bug."""
    return cast("Terms", request.extensions[EXTENSION])
