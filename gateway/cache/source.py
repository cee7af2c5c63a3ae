"""A source of clients with a cache in front of another source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.cache.policy.adaptive_ttl import AdaptiveTTL
from gateway.cache.policy.clock import strictly_increasing
from gateway.cache.policy.cost_attribution import CostAttribution
from gateway.cache.policy.filters import TypeFilterSemantics
from gateway.cache.policy.freshness import (
    CachePolicy,
    FreshnessLimits,
    freshness_limits,
    stale_if_error_since,
)
from gateway.cache.policy.revalidation import BackgroundRevalidation
from gateway.cache.policy.sort_order import SortOrder
from gateway.cache.read.cost import CostEstimates
from gateway.cache.read.entity_reader import EntityReader, EntityResult
from gateway.cache.read.list_reader import ListReader
from gateway.cache.read.queries import EntityQuery, ListQuery
from gateway.cache.read.upstream import Upstream
from gateway.cache.responses import ResponseCache
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import ListKey, Partition
from gateway.cache.write.write_through import WriteThrough
from schema.source.errors import ClientError, RateLimited, TooExpensive, Unavailable
from schema.source.request_context import Priority, RateLimitState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from gateway.cache.read.list_lookup import CachedPage
    from gateway.cache.read.upstream import PricedReader
    from gateway.cache.store.entity import Held
    from gateway.cache.store.memory import Store
    from gateway.detached_tasks import DetachedTasks
    from schema.source.cost import CostEstimate, WriteRequest
    from schema.source.protocols import ClientWriter
    from schema.source.records import (
        ClientFilter,
        ClientId,
        ClientPatch,
        ClientRecord,
        Confirmation,
        Fields,
        NewClient,
        Page,
        Window,
        WriteResult,
    )
    from schema.source.request_context import RequestContext


def _unused_window() -> RateLimitState:
    return RateLimitState(limit=500, remaining=500, reset_seconds=900)


class CachingClientSource:
    """A `ClientSource` that reads from `reader` only what its cache cannot serve.

    Cached entries and shared fetches are partitioned by caller. A write continues after its caller
    leaves: it is one of `tasks`. `write_cost` returns the cost of a write. `clock` is monotonic, in
    seconds, and the clock of the operations' deadlines. `budget` returns the rate limit's window;
    `surplus` returns True if a call in the background would be sent now.
    """

    def __init__(  # noqa: PLR0913 - the parts it is made of, by name
        self,
        reader: PricedReader,
        writer: ClientWriter,
        store: Store,
        *,
        write_cost: Callable[[WriteRequest], CostEstimate],
        tasks: DetachedTasks,
        clock: Callable[[], float],
        policy: CachePolicy | None = None,
        budget: Callable[[], RateLimitState] = _unused_window,
        surplus: Callable[[], bool] = lambda: True,
    ) -> None:
        self.page_cost = reader.page_cost
        self._tasks = tasks
        self._clock = clock = strictly_increasing(clock)
        self._policy = policy = policy or CachePolicy()
        self._budget = budget
        self._pace = AdaptiveTTL(policy, budget, clock)
        self._accounts = accounts = CostAttribution()
        memory = FencedCache(store, clock, bound=policy.stale, lag=policy.fresh)
        meaning, order = TypeFilterSemantics(policy.type_filter), SortOrder()
        self._memory = memory
        upstream = Upstream(reader, memory, accounts, policy.flight_seconds)
        self._lists = ListReader(upstream, memory, meaning, order, policy, clock)
        self._by_id = EntityReader(upstream, memory, self._lists, clock)
        costs = CostEstimates(write_cost, self._lists, self._by_id, self._bounds)
        self.estimate, self.rows_lack = costs.estimate, costs.rows_lack
        self._writes = WriteThrough(writer, memory, meaning, order, clock)
        self.responses = ResponseCache(
            memory, meaning, accounts=accounts, pace=self._pace, budget=budget, clock=clock
        )
        self._refresh = BackgroundRevalidation(surplus, clock, policy.flight_seconds)

    def disown(self, credential: str) -> None:
        """Remove what was read by a credential that the API rejects now, known by its hash.

        The credential had its own partition before it joined its user's, and returns to that one.
        """
        self._memory.purge(Partition.alone(credential))

    async def read_page(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Page:
        """Return the rows of `window`.

        Only rows that are not cached are read, and more rows where they are free.
        """
        now, bounds = self._bounds(operation)
        key = ListKey(Partition(operation.caller), where)
        query = ListQuery(
            operation, key, window, fields, now - bounds.served, bounds.fresh, priority
        )
        known = self._lookup(query, query.oldest)
        if known is None:
            return await self._fetch_page(query, bounds)
        operation.receipt.saved += self.page_cost(window)
        operation.receipt.drift |= known.anchor_lost
        self._record_age(operation, known.at, bounds.fresh, query.oldest)
        if known.checked_at < self._clock() - bounds.fresh:
            self._refresh.start(
                operation,
                (key, known.window),
                lambda own: self._lists.read(
                    replace(
                        query,
                        operation=own,
                        window=known.window,
                        oldest=self._clock() - bounds.fresh,
                        priority=Priority.REFRESH,
                    )
                ),
            )
        return known.page

    async def _fetch_page(self, query: ListQuery, bounds: FreshnessLimits) -> Page:
        """Read the missing rows; if that fails, return an older page, marked as stale."""
        operation = query.operation
        try:
            self._check_upstream_allowed(operation)
            page = await self._lists.read(query)
        except (RateLimited, TooExpensive, Unavailable) as failure:
            oldest = stale_if_error_since(failure, self._clock(), bounds)
            older = None if oldest is None else self._lookup(query, oldest)
            if older is None:
                raise
            self._record_age(operation, older.at, bounds.fresh, query.oldest)
            return older.page
        return page

    def _lookup(self, query: ListQuery, oldest: float) -> CachedPage | None:
        return self._lists.lookup.find(query.key, query.window, query.fields, oldest)

    async def fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, priority: Priority
    ) -> Sequence[ClientRecord | ClientError]:
        """Return the clients with these ids, in order.

        Clients that are not cached are read as details or from list pages.
        """
        now, bounds = self._bounds(operation)
        query = EntityQuery(operation, fields, now - bounds.served, now - bounds.missing, priority)
        found, missing = self._by_id.lookup(query, ids)
        operation.receipt.saved += len(found)
        for result in found.values():
            operation.receipt.short_lived |= isinstance(result.value, ClientError)
            self._record_age(operation, result.at, bounds.fresh, query.oldest)
        self._revalidate_clients(query, found, bounds)
        if missing:
            found |= await self._read_clients(query, missing, bounds)
        return [self._by_id.newest(query, id, found[id]) for id in ids]

    def _revalidate_clients(
        self, query: EntityQuery, found: Mapping[ClientId, EntityResult], bounds: FreshnessLimits
    ) -> None:
        since = self._clock() - bounds.fresh
        aged = tuple(id for id, result in found.items() if result.checked_at < since)

        def refresh(own: RequestContext) -> Coroutine[Any, Any, Any]:
            oldest = self._clock() - bounds.fresh
            fresh = EntityQuery(own, query.fields, oldest, oldest, Priority.REFRESH)
            return self._by_id.read(fresh, self._by_id.lookup(fresh, aged)[1])

        if aged:
            self._refresh.start(query.operation, (query.partition, aged), refresh)

    async def _read_clients(
        self, query: EntityQuery, missing: Mapping[ClientId, Held], bounds: FreshnessLimits
    ) -> dict[ClientId, EntityResult]:
        """Read clients; in the place of a failure return an older record, marked as stale."""
        operation = query.operation
        query = replace(query, oldest=self._clock() - bounds.served)
        try:
            self._check_upstream_allowed(operation)
            found = await self._by_id.read(query, missing)
        except (RateLimited, TooExpensive, Unavailable) as failure:
            found = dict.fromkeys(missing, EntityResult(failure, query.oldest, query.oldest))
        now = self._clock()
        for id, result in found.items():
            if isinstance(result.value, ClientError):
                oldest = stale_if_error_since(result.value, now, bounds)
                if oldest is not None:
                    stale = replace(query, oldest=oldest, missing_oldest=now - bounds.missing)
                    found |= self._by_id.lookup(stale, [id])[0]
            if found[id].at < query.oldest:  # also if kept although the API contradicts it
                self._record_age(operation, found[id].at, bounds.fresh, query.oldest)
        return found

    def _bounds(self, operation: RequestContext) -> tuple[float, FreshnessLimits]:
        """Begin the receipt; return the time and the operation's freshness limits."""
        self._begin(operation)
        fresh = self._pace.fresh(Partition(operation.caller))
        return self._clock(), freshness_limits(fresh, operation.freshness, self._policy)

    def _begin(self, operation: RequestContext) -> None:
        """Begin the receipt with the caller's unbilled calls and the state of the window."""
        self._accounts.bill(operation)
        operation.receipt.budget = self._budget()

    def _record_age(
        self, operation: RequestContext, at: float, fresh: float, oldest: float
    ) -> None:
        """Note on the receipt the age of a part of the response, to the millisecond.

        A reading older than `oldest` is stale at any age: the API contradicts it.
        """
        age = self._clock() - at
        operation.receipt.note_age(round(age, 3), stale=age > fresh or at < oldest)
        operation.receipt.oldest_at = min(operation.receipt.oldest_at, at)

    def _check_upstream_allowed(self, operation: RequestContext) -> None:
        if operation.freshness.only_if_cached:
            raise Unavailable(
                "Only a remembered answer was accepted, and none is fresh enough."
                " Ask without `only-if-cached`."
            )
        if operation.deadline <= self._clock():
            raise Unavailable("There was no time left to ask.", code="UPSTREAM_TIMEOUT")

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client, at most once."""
        self._begin(operation)
        return await self._tasks.start(self._writes.create(operation, new))

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Change a client."""
        self._begin(operation)
        return await self._tasks.start(self._writes.update(operation, id, patch))

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client, irreversibly."""
        self._begin(operation)
        return await self._tasks.start(self._writes.delete(operation, id))
