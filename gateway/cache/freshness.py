"""How old an answer may be: decided from the age we promise and what the operation accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from schema.failures import Failure, RateLimited, Unavailable

if TYPE_CHECKING:
    from schema.operation import Freshness

TypeFilter = Literal["exact", "includes_both"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the cache may do on its own account; ages in seconds."""

    fresh_entity: float = 30
    """A client's record younger than this is served without asking."""
    fresh_list: float = 30
    """The same for rows and totals."""
    fresh_missing: float = 5
    """How long a client's absence is believed."""
    stale: float = 300
    """The oldest answer that is ever given, and then flagged."""
    whole_collection_rows: int = 1000
    """Collections up to this many rows are read whole as soon as that is no dearer."""
    flight_seconds: float = 10
    """The least time a shared load gets, however little its starter has left."""
    type_filter: TypeFilter | None = None
    """Whether the API's `client_type=buyer` also matches `both`; None: undocumented, so ask it."""


def oldest_accepted(now: float, fresh: float, asked: Freshness, policy: Policy) -> float:
    """The earliest reading that may be served without asking the API (RFC 9111, 5.2.1)."""
    if asked.no_cache:
        return now
    limit = fresh
    if asked.max_stale is not None:
        limit = min(fresh + asked.max_stale, policy.stale)
    if asked.max_age is not None:
        limit = min(limit, asked.max_age)
    return now - limit


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
