"""How old an answer may be: decided from the age we can afford and what the operation accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from schema.source.errors import ClientError, RateLimited, TooExpensive, Unavailable

if TYPE_CHECKING:
    from schema.source.request_context import CacheDirectives

TypeFilter = Literal["exact", "includes_both"]


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What the cache may do on its own account; ages in seconds."""

    fresh: float = 30
    """What was read within this time is as good as new; longer where the budget is short."""
    fresh_missing: float = 5
    """How long a client's absence is believed, stretched in the same proportion."""
    stale: float = 300
    """The oldest answer that is ever given, and then flagged."""
    prefetch_max_rows: int = 1000
    """Collections up to this many rows are read whole as soon as that is no dearer."""
    flight_seconds: float = 10
    """The least time a shared load gets, however little its starter has left."""
    type_filter: TypeFilter | None = None
    """Whether the API's `client_type=buyer` also matches `both`; None: learnt by comparing."""


class FreshnessLimits(NamedTuple):
    """Seconds up to which a reading is fresh, and up to which it is served without asking."""

    fresh: float
    served: float
    missing: float
    """Up to which a client's absence is believed."""
    excused: float
    """Up to which a reading stands in for an answer that could not be had; below 0: none does."""


def freshness_limits(fresh: float, asked: CacheDirectives, policy: CachePolicy) -> FreshnessLimits:
    """What an operation gets from memory (request directives of RFC 9111, 5.2.1).

    Of its own accord the gateway serves up to twice the age it calls fresh, flagged, while it
    reads again in the background (RFC 5861, 3). `max-age` shortens the time for which the client
    calls something fresh, and takes nothing stale (5.2.1.1), unless `max-stale` says how far past
    that an answer may be (5.2.1.2); neither leads past the policy's own end.
    """
    if asked.no_cache:
        return FreshnessLimits(0.0, 0.0, 0.0, -1.0)
    if asked.max_stale is not None:
        lifetime = fresh if asked.max_age is None else min(fresh, asked.max_age)
        served = excused = min(lifetime + asked.max_stale, policy.stale)
    elif asked.max_age is not None:
        served, excused = min(fresh, asked.max_age), min(asked.max_age, policy.stale)
    else:
        served, excused = min(2 * fresh, policy.stale), policy.stale
    missing = min(served, policy.fresh_missing * fresh / policy.fresh)
    return FreshnessLimits(fresh, served, missing, -1.0 if asked.only_if_cached else excused)


def stale_if_error_since(failure: ClientError, now: float, bounds: FreshnessLimits) -> float | None:
    """The earliest reading that may stand in for an answer that failed, or None for none.

    Only the API's absence excuses age (RFC 5861, section 4); a refused credential never does.
    """
    if bounds.excused < 0 or not isinstance(failure, RateLimited | TooExpensive | Unavailable):
        return None
    return now - bounds.excused
