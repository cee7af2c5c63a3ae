"""Adapt the freshness lifetime to the remaining budget and the number of active callers."""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway.cache.policy.delivery_proof import DeliveryProof
from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.store.keys import Partition
from schema.source.request_context import RateLimitState

CALLS_PER_CALLER = 1.5
"""Calls that refresh one active caller's entries once: the viewed pages and a few writes."""
RESERVE = 0.2
"""The part of a window that is not spent on freshness."""
ACTIVE_SECONDS = 300.0
"""Seconds after its last request for which a caller counts as active."""
RECOMPUTE_SECONDS = 1.0
"""Seconds for which a computed lifetime is used."""
_log = logging.getLogger(__name__)


def affordable_ttl(active: int, budget: RateLimitState, policy: CachePolicy) -> float:
    """Return the lifetime in seconds at which the budget covers all reads of `active` callers.

    The lifetime lies between `policy.fresh` and `policy.stale`; a spent window gives
    `policy.stale`.
    """
    spendable = budget.remaining - RESERVE * budget.limit
    if spendable <= 0:
        return policy.stale
    seconds = active * CALLS_PER_CALLER * max(1, budget.reset_seconds) / spendable
    return min(max(seconds, policy.fresh), policy.stale)


class ProofLog:
    """The log of one proof, for operators."""

    def __init__(self, proof: DeliveryProof, seconds: float) -> None:
        """Create it; readings are fresh for `seconds` while the proof holds."""
        self._proof = proof
        self._seconds = seconds
        self._held = False

    def note(self, now: float) -> None:
        """Log a change of the proof since the last call."""
        if (now < self._proof.until) is self._held:
            return
        self._held = not self._held
        if self._held:
            _log.warning("webhooks arrive: readings are fresh for %g s", self._seconds)
        else:
            _log.warning("webhooks are not proven to arrive: %s", self._proof.reason)


@dataclass(eq=False, repr=False)
class AdaptiveTTL:
    """Counts the active callers and computes the freshness lifetime of their entries.

    It is `policy.webhook_fresh` while `proof` holds.
    """

    _policy: CachePolicy
    _budget: Callable[[], RateLimitState]
    _clock: Callable[[], float]
    _proof: DeliveryProof
    _in_doubt: Callable[[], bool]
    """Returns True if events of other gateways may be missed."""

    def __post_init__(self) -> None:
        self._log = ProofLog(self._proof, self._policy.webhook_fresh or 0)
        self._seen: OrderedDict[Partition, float] = OrderedDict()
        self._seen_recently: set[Partition] = set()
        """The callers seen since the lifetime was computed."""
        self._fresh = self._policy.fresh
        self._until = float("-inf")

    def is_active(self, partition: Partition) -> bool:
        """Return True if the caller sent a request in the last minutes."""
        return self._seen.get(partition, -math.inf) >= self._clock() - ACTIVE_SECONDS

    def fresh(self, partition: Partition, *, active: bool = True) -> float:
        """Return the seconds for which a reading is fresh; `partition` counts as active."""
        now = self._clock()
        if now >= self._until:
            self._seen_recently.clear()
        if active and partition not in self._seen_recently:
            self._seen_recently.add(partition)
            self._seen[partition] = now
            self._seen.move_to_end(partition)
        if now >= self._until:
            while self._seen and next(iter(self._seen.values())) < now - ACTIVE_SECONDS:
                self._seen.popitem(last=False)
            self._fresh = affordable_ttl(len(self._seen), self._budget(), self._policy)
            self._until = now + RECOMPUTE_SECONDS
            self._log.note(now)
        if self._proof.holds(partition, now) and not self._in_doubt():
            return max(self._fresh, self._policy.webhook_fresh or 0)
        return self._fresh

    def is_proven(self, partition: Partition) -> bool | None:
        """Return True if events of changes are proven to arrive; None if none are received."""
        if not self._policy.webhook_fresh:
            return None
        return self._proof.holds(partition, self._clock()) and not self._in_doubt()
