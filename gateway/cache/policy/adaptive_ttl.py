"""Freshness bought with budget: how young the callers' memory can be kept with what is left."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cache.policy.freshness import CachePolicy
    from gateway.cache.store.keys import Partition
    from schema.source.request_context import RateLimitState

CALLS_PER_CALLER = 1.5
"""Calls to keep one active caller's memory young once: the pages looked at, and a few writes."""
RESERVE = 0.2
"""The part of a window that freshness is not bought with."""
ACTIVE_SECONDS = 300.0
"""Seconds after which a caller that asked nothing is not active any more."""
RECOMPUTE_SECONDS = 1.0
"""Seconds for which a computed age holds."""


def affordable_ttl(active: int, budget: RateLimitState, policy: CachePolicy) -> float:
    """Seconds after which everything that `active` callers look at can be read anew, for ever.

    Between `policy.fresh` and `policy.stale`: a window that is spent makes no answer fresh.
    """
    spendable = budget.remaining - RESERVE * budget.limit
    if spendable <= 0:
        return policy.stale
    seconds = active * CALLS_PER_CALLER * max(1, budget.reset_seconds) / spendable
    return min(max(seconds, policy.fresh), policy.stale)


class AdaptiveTTL:
    """Counts the callers that are active, and says what age their answers may have."""

    def __init__(
        self,
        policy: CachePolicy,
        budget: Callable[[], RateLimitState],
        clock: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._budget = budget
        self._clock = clock
        self._seen: OrderedDict[Partition, float] = OrderedDict()
        self._noted: set[Partition] = set()
        """Who was seen since the age was computed."""
        self._fresh = policy.fresh
        self._until = float("-inf")

    def fresh(self, partition: Partition) -> float:
        """Seconds for which a reading counts as fresh, now that this caller asks."""
        now = self._clock()
        if now >= self._until:
            self._noted.clear()
        if partition not in self._noted:
            self._noted.add(partition)
            self._seen[partition] = now
            self._seen.move_to_end(partition)
        if now >= self._until:
            while next(iter(self._seen.values())) < now - ACTIVE_SECONDS:
                self._seen.popitem(last=False)
            self._fresh = affordable_ttl(len(self._seen), self._budget(), self._policy)
            self._until = now + RECOMPUTE_SECONDS
        return self._fresh
