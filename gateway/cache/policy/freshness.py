"""Freshness limits: from the affordable lifetime and the operation's cache directives."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from schema.source.errors import ClientError, RateLimited, TooExpensive, Unavailable
from schema.source.request_context import CacheDirectives

TypeFilter = Literal["exact", "includes_both"]


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Settings of the cache; ages in seconds."""

    fresh: float = 30
    """Freshness lifetime; longer if the budget is low."""
    fresh_missing: float = 5
    """Freshness lifetime of a client's absence, lengthened in the same proportion."""
    stale: float = 300
    """Largest age of a response, which is then marked as stale."""
    prefetch_max_rows: int = 1000
    """Largest collection that is read completely if that costs no more calls."""
    flight_seconds: float = 10
    """Least time limit of a shared fetch, whatever deadline its first request has."""
    webhook_fresh: float | None = None
    """Freshness lifetime while webhooks are proven to arrive; None: they are not received."""
    type_filter: TypeFilter | None = None
    """Whether the API's `client_type=buyer` also matches `both`; None: learned by comparing."""

    @property
    def longest(self) -> float:
        """Return the largest age of a response in any case."""
        return max(self.stale, (self.webhook_fresh or 0) + self.fresh)


class FreshnessLimits(NamedTuple):
    """Ages in seconds: up to which a reading is fresh, and up to which it is served."""

    fresh: float
    served: float
    missing: float
    """Largest age of a client's absence."""
    excused: float
    """Largest age of a reading served after an error; below 0: none is."""


def freshness_limits(
    fresh: float, directives: CacheDirectives, policy: CachePolicy
) -> FreshnessLimits:
    """Return the limits for an operation (request directives of RFC 9111, 5.2.1).

    Without directives, the gateway serves up to twice the freshness lifetime, marked as stale, and
    revalidates in the background (RFC 5861, 3). `max-age` shortens the freshness lifetime and
    excludes stale readings (5.2.1.1), unless `max-stale` says how far past that lifetime a reading
    may be (5.2.1.2). Neither exceeds `policy.stale`; a longer lifetime, while webhooks arrive, is
    exceeded by `policy.fresh` at most.
    """
    most = policy.stale if fresh <= policy.stale else fresh + policy.fresh
    if directives.no_cache:
        return FreshnessLimits(0.0, 0.0, 0.0, -1.0)
    if directives.max_stale is not None:
        lifetime = fresh if directives.max_age is None else min(fresh, directives.max_age)
        served = excused = min(lifetime + directives.max_stale, most)
    elif directives.max_age is not None:
        served, excused = min(fresh, directives.max_age), min(directives.max_age, most)
    else:
        served, excused = min(2 * fresh, most), most
    missing = min(served, policy.fresh_missing * fresh / policy.fresh)
    return FreshnessLimits(fresh, served, missing, -1.0 if directives.only_if_cached else excused)


MAX_SCAN_SECONDS = 900.0
"""Largest freshness lifetime of a scan: the length of the rate limit window."""


def scan_limits(
    fresh: float, calls: int, directives: CacheDirectives, policy: CachePolicy
) -> FreshnessLimits:
    """Return the limits for a collection whose scan took `calls` calls.

    It is fresh for as long as that many pages one after another: to keep it fresh takes as many
    calls an hour as to keep one page fresh.
    """
    lifetime = max(fresh, min(calls * fresh, MAX_SCAN_SECONDS))
    if lifetime == fresh:
        return freshness_limits(fresh, directives, policy)
    longer = replace(policy, stale=policy.stale + lifetime)
    return freshness_limits(lifetime, directives, longer)


def stale_if_error_since(failure: ClientError, now: float, bounds: FreshnessLimits) -> float | None:
    """Return the earliest time of a reading that may replace a failed response, or None.

    Only an unavailable API permits stale readings (RFC 5861, section 4), a rejected credential
    never.
    """
    if bounds.excused < 0 or not isinstance(failure, RateLimited | TooExpensive | Unavailable):
        return None
    return now - bounds.excused
