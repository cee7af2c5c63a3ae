"""The parameters of reads: for which operation, with which priority, and how old they may be."""

import math
from dataclasses import dataclass, replace
from typing import Self

from gateway.cache.policy.freshness import FreshnessLimits
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from schema.source.errors import Unavailable
from schema.source.records import ClientFilter, ClientId, Fields, Window
from schema.source.request_context import Priority, RequestContext


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """The fields of clients to read."""

    operation: RequestContext
    partition: Partition
    fields: Fields
    limits: FreshnessLimits
    oldest: float
    """The earliest time of a reading that may be part of the result."""
    missing_oldest: float
    """The earliest time of a reading that may show a client's absence."""
    priority: Priority

    def of_list(self, where: ClientFilter, window: Window) -> "ListQuery":
        """Return the query for these fields of a list's rows."""
        common = {name: getattr(self, name) for name in ReadQuery.__slots__}
        return ListQuery(**common, where=where, window=window)

    def key(self, id: ClientId) -> EntityKey:
        """Return the cache key of one client."""
        return EntityKey(self.partition, id)

    def note_age(
        self, at: float, now: float, hinted_at: float = -math.inf, longer: float = 0
    ) -> None:
        """Note on the receipt the age of a part of the response, to the millisecond.

        A reading older than `oldest` is stale at any age: the API contradicts it. So is one before
        `hinted_at`, when an event reported a change. `longer`: seconds for which it is fresh beyond
        the lifetime of other entries.
        """
        age, receipt = now - at, self.operation.receipt
        stale = age > self.limits.fresh or at < max(self.oldest, hinted_at)
        receipt.note_age(round(age, 3), stale=stale)
        receipt.oldest_at = min(receipt.oldest_at, at)
        receipt.longer = min(receipt.longer, longer)

    def for_refresh(self, operation: RequestContext, oldest: float) -> Self:
        """Return the query for a revalidation of what was not read since `oldest`."""
        return replace(
            self,
            operation=operation,
            oldest=oldest,
            missing_oldest=oldest,
            priority=Priority.REFRESH,
        )

    def check_upstream_allowed(self, now: float) -> None:
        """Raise `Unavailable` if the operation accepts only cached data, or has no time left."""
        if self.operation.freshness.only_if_cached:
            raise Unavailable(
                "Only a remembered answer was accepted, and none is fresh enough."
                " Ask without `only-if-cached`."
            )
        if self.operation.deadline <= now:
            raise Unavailable("There was no time left to ask.", code="UPSTREAM_TIMEOUT")


@dataclass(frozen=True, slots=True)
class ListQuery(ReadQuery):
    """The rows of a list to read."""

    where: ClientFilter
    window: Window

    @property
    def list_key(self) -> ListKey:
        """Return the cache key of the list."""
        return ListKey(self.partition, self.where)
