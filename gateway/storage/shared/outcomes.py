"""The outcomes of calls that the server does not know yet."""

from collections import deque
from typing import NamedTuple

from gateway.shared_budget import CallOutcome, Grant

MOST = 1_000
"""Outcomes kept while the server is unreachable; above this the oldest is forgotten."""
LEASED = 0
"""The number of a call that a lease granted."""


class UnreportedOutcome(NamedTuple):
    """How a call ended, and when, on this gateway's clock."""

    grant: Grant
    outcome: CallOutcome
    at: float

    def arguments(self, now: float) -> tuple[str, ...]:
        """Return the arguments of `report`; seconds that a response stated count from then."""
        grant, outcome, age = self.grant, self.outcome, now - self.at
        reserved, status = grant.reservation, outcome.status
        reset = None if status.reset is None else status.reset - age
        ended = reset is not None and reset <= 0
        return (
            grant.id,
            str(grant.number),
            outcome.kind,
            str(int(reserved.priority)),
            reserved.partition,
            reserved.credential,
            encode_flag(reserved.proven),
            outcome.verdict,
            encode_flag(outcome.pointless),
            encode_flag(outcome.kind == "response" and grant.number != LEASED),
            _encode(None if ended else status.limit),
            _encode(None if ended else status.remaining),
            _encode(None if ended else reset),
            encode_flag(outcome.limited),
            _encode(None if outcome.delay is None else max(0.0, outcome.delay - age)),
        )


UnreportedOutcomes = deque[UnreportedOutcome]


def no_outcomes() -> UnreportedOutcomes:
    """Return an empty queue, the oldest first."""
    return deque(maxlen=MOST)


def encode_flag(value: bool) -> str:  # noqa: FBT001 - an encoding
    """Return a truth value as the functions read it."""
    return "1" if value else "0"


def _encode(value: float | None) -> str:
    return "" if value is None else repr(value)
