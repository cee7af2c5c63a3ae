"""How old an answer may be: decided from the age we can afford and what the operation accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from schema.failures import Failure, RateLimited, Unavailable

if TYPE_CHECKING:
    from schema.operation import Freshness

TypeFilter = Literal["exact", "includes_both"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the cache may do on its own account; ages in seconds."""

    fresh: float = 30
    """What was read within this time is as good as new; longer where the budget is short."""
    fresh_missing: float = 5
    """How long a client's absence is believed, stretched in the same proportion."""
    stale: float = 300
    """The oldest answer that is ever given, and then flagged."""
    whole_collection_rows: int = 1000
    """Collections up to this many rows are read whole as soon as that is no dearer."""
    flight_seconds: float = 10
    """The least time a shared load gets, however little its starter has left."""
    type_filter: TypeFilter | None = None
    """Whether the API's `client_type=buyer` also matches `both`; None: learnt by comparing."""


class Ages(NamedTuple):
    """Seconds up to which a reading is fresh, and up to which it is served without asking."""

    fresh: float
    served: float
    missing: float
    """Up to which a client's absence is believed."""


def ages(fresh: float, asked: Freshness, policy: Policy) -> Ages:
    """What an operation gets from memory (request directives of RFC 9111, 5.2.1).

    Of its own accord the gateway serves up to twice the age it calls fresh, flagged, while it
    reads anew in the background (RFC 5861, 3). `max-stale` widens or narrows that, never past
    the policy's own end; `max-age` is the client's word on what it takes.
    """
    if asked.no_cache:
        return Ages(0.0, 0.0, 0.0)
    over = fresh if asked.max_stale is None else asked.max_stale
    served = min(fresh + over, policy.stale)
    if asked.max_age is not None:
        served = min(served, asked.max_age)
    return Ages(fresh, served, min(served, policy.fresh_missing * fresh / policy.fresh))


def oldest_after(failure: Failure, now: float, asked: Freshness, policy: Policy) -> float | None:
    """The earliest reading that may stand in for an answer that failed, or None for none.

    Only the API's absence excuses age (RFC 5861, section 4); a refused credential never does.
    """
    if asked.no_cache or asked.only_if_cached:
        return None
    if not isinstance(failure, RateLimited | Unavailable):
        return None
    limit = policy.stale if asked.max_age is None else min(policy.stale, asked.max_age)
    return now - limit
