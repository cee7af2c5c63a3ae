"""A source of clients with a cache in front of another source."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.cache.coherence.agreement import agreed
from gateway.cache.coherence.contract import Coherence, SingleGateway
from gateway.cache.fetch.client_revalidation import ClientRevalidation
from gateway.cache.fetch.entity_fetcher import EntityResult
from gateway.cache.fetch.queries import ListQuery, ReadQuery
from gateway.cache.follower import CacheFollower
from gateway.cache.policy.adaptive_ttl import AdaptiveTTL
from gateway.cache.policy.cost_attribution import CostAttribution
from gateway.cache.policy.delivery_proof import DeliveryProof
from gateway.cache.policy.freshness import (
    CachePolicy,
    freshness_limits,
    stale_if_error_since,
)
from gateway.cache.policy.revalidation import BackgroundRevalidation
from gateway.cache.policy.scan_price import MAX_CALLS
from gateway.cache.read.change_reader import ChangeReader
from gateway.cache.read.collection_reader import CollectionReader
from gateway.cache.read.cost import CostEstimates
from gateway.cache.read.derived import Derivations
from gateway.cache.read.eager_refresh import EagerRefresh
from gateway.cache.read.entity_reader import EntityReader
from gateway.cache.read.list_reader import ListReader
from gateway.cache.read.search import SearchReader
from gateway.cache.responses import ResponseCache
from gateway.cache.store.entity import Held
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import Partition
from gateway.cache.store.memory import MemoryStore
from gateway.cache.write.reported_changes import ReportedChanges
from gateway.cache.write.write_through import WriteThrough
from gateway.clock import strictly_increasing
from gateway.detached_tasks import DetachedTasks
from schema.source.cost import CostEstimate, WriteRequest
from schema.source.errors import ClientError, RateLimited, TooExpensive, Unavailable
from schema.source.protocols import ClientReader, ClientWriter
from schema.source.records import ClientFilter, ClientId, ClientRecord, Fields, Page, Window
from schema.source.request_context import Priority, RateLimitState, RequestContext


class CachingClientSource:
    """A `ClientSource` that reads from `reader` only what its cache cannot serve.

    Cached entries and shared fetches are partitioned by caller. A write continues after its caller
    leaves: it is one of `tasks`. `write_cost` returns the cost of a write. `clock` is monotonic, in
    seconds, and the clock of the operations' deadlines. `budget` returns the rate limit's window;
    `surplus` returns True if a call in the background would be sent now. `cap` returns how many
    calls one operation may cost.
    """

    def __init__(  # noqa: PLR0913 - the parts it is made of, by name
        self,
        reader: ClientReader,
        writer: ClientWriter,
        store: MemoryStore,
        *,
        write_cost: Callable[[WriteRequest], CostEstimate],
        tasks: DetachedTasks,
        clock: Callable[[], float],
        policy: CachePolicy | None = None,
        budget: Callable[[], RateLimitState] = lambda: RateLimitState(500, 500, 900),
        surplus: Callable[[], bool] = lambda: True,
        cap: Callable[[], int] = lambda: MAX_CALLS,
        coherence: Coherence | None = None,
    ) -> None:
        self.page_cost = reader.page_cost
        self._clock = clock = strictly_increasing(clock)
        self._policy = policy = policy or CachePolicy()
        self._budget = budget
        proof = DeliveryProof(policy.webhook_fresh or 0)
        self._coherence = coherence = coherence or SingleGateway()
        self._pace = AdaptiveTTL(policy, budget, clock, proof, coherence.in_doubt)
        self._memory = memory = FencedCache(store, clock, policy)
        self._accounts = accounts = CostAttribution(memory, policy.flight_seconds)
        self._lists = ListReader(reader, accounts, memory, policy, clock, coherence)
        self._by_id = EntityReader(reader, accounts, memory, self._lists, clock, coherence)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._refresh = BackgroundRevalidation(surplus, clock, policy.flight_seconds)
        self._aged = ClientRevalidation(self._refresh, self._by_id.refresh)
        searches = SearchReader(
            CollectionReader(self._lists, memory, policy, clock, cap),
            Derivations(memory),
            query=self._query,
            read_clients=self._by_id.refresh,
            unlisted=self._lists.row_fields.unlisted,
            refresh=self._refresh,
            policy=policy,
            clock=clock,
            counts=self._counts,
        )
        self.rows_lack = self._lists.row_fields.lack
        self.estimate = CostEstimates(
            write_cost, self._lists, self._by_id, self._query, searches.estimate
        ).estimate
        self._eager = eager = EagerRefresh(self._pace.is_active, self._refresh, clock, policy)
        self.search = eager.noted(agreed(coherence, searches.search))
        self.read_page = agreed(coherence, self._read_page)
        self.fetch = agreed(coherence, self._fetch)
        reported = ReportedChanges(proof, memory.hints, self._lists.reading, eager.aged, clock)
        self.freshness = reported.freshness
        changed = ChangeReader(self._by_id, memory, store, self._query)
        self.held, self.may_see = changed.held, changed.may_see
        self.fetch_since, self.watch = agreed(coherence, changed.fetch_since), changed.watch
        writes = WriteThrough(writer, memory, clock, self._begin, coherence)
        if policy.webhook_fresh:
            writes.effects.when_began, writes.effects.when_ended = reported.began, reported.ended
        readers = self._lists.pages, self._by_id.fetcher
        self.follower = CacheFollower(memory, coherence, readers, writes.effects, reported.note)
        self.disown, self.note_change = self.follower.disown, self.follower.note_change
        self.create = tasks.detached(writes.create)
        self.update = tasks.detached(writes.update)
        self.delete = tasks.detached(writes.delete)
        self.responses = ResponseCache(
            memory,
            store,
            accounts=accounts,
            pace=self._pace,
            budget=budget,
            clock=clock,
            in_doubt=coherence.in_doubt,
            is_agreed=coherence.is_agreed,
        )

    def lookups(self) -> dict[tuple[str, str], int]:
        """Return the numbers of lookups by kind and result: hit, miss, joined or stale."""
        return {
            **self._counts,
            ("list", "joined"): self._lists.flights.joined,
            ("entity", "joined"): self._by_id.flights.joined,
        }

    async def _read_page(
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
        self._eager.note(operation, self.read_page, where, window, fields, priority)
        query = self._query(operation, fields, priority).of_list(where, window)
        known = self._lists.lookup.find(query.list_key, window, fields, query.oldest)
        if known is None:
            self._counts["list", "miss"] += 1
            return await self._read_missing_rows(query)
        self._counts["list", "hit"] += 1
        operation.receipt.saved += self.page_cost(window)
        operation.receipt.drift |= known.anchor_lost
        now = self._clock()
        query.note_age(known.at, now, known.hinted_at)
        oldest = max(now - query.limits.fresh, known.hinted_at)
        if known.checked_at < oldest:
            self._counts["list", "stale"] += 1
            aged = replace(query, window=known.window)
            self._refresh.start(
                operation,
                (query.list_key, known.window),
                lambda own: self._lists.read(aged.for_refresh(own, oldest)),
            )
        return known.page

    async def _read_missing_rows(self, query: ListQuery) -> Page:
        """Read the missing rows; if that fails, return an older page, marked as stale."""
        try:
            query.check_upstream_allowed(self._clock())
            return await self._lists.read(query)
        except (RateLimited, TooExpensive, Unavailable) as failure:
            now = self._clock()
            oldest = stale_if_error_since(failure, now, query.limits)
            if oldest is None:
                raise
            older = self._lists.lookup.find(query.list_key, query.window, query.fields, oldest)
            if older is None:
                raise
            self._counts["list", "stale"] += 1
            query.note_age(older.at, now, older.hinted_at)
            return older.page

    async def _fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, priority: Priority
    ) -> Sequence[ClientRecord | ClientError]:
        """Return the clients with these ids, in order.

        Clients that are not cached are read as details or from list pages.
        """
        self._eager.note(operation, self.fetch, tuple(ids), fields, priority)
        query = self._query(operation, fields, priority)
        found, missing = self._by_id.lookup(query, ids)
        operation.receipt.saved += len(found)
        self._counts["entity", "hit"] += len(found)
        self._counts["entity", "miss"] += len(missing)
        now = self._clock()
        for result in found.values():
            operation.receipt.short_lived |= isinstance(result.value, ClientError)
            query.note_age(result.at, now, result.hinted_at)
        fresh_since = now - query.limits.fresh
        aged = tuple(
            id for id, one in found.items() if one.checked_at < max(fresh_since, one.hinted_at)
        )
        if aged:
            oldest = max(fresh_since, *(found[id].hinted_at for id in aged))
            self._counts["entity", "stale"] += len(aged)
            self._aged.start(query, aged, oldest)
        if missing:
            found |= await self._read_missing_clients(query, missing)
        return [self._by_id.newest(query, id, found[id]) for id in ids]

    async def _read_missing_clients(
        self, query: ReadQuery, missing: Mapping[ClientId, Held]
    ) -> dict[ClientId, EntityResult]:
        """Read clients; in the place of a failure return an older record, marked as stale."""
        query = replace(query, oldest=self._clock() - query.limits.served)
        try:
            query.check_upstream_allowed(self._clock())
            found = await self._by_id.read(query, missing)
        except (RateLimited, TooExpensive, Unavailable) as failure:
            found = dict.fromkeys(missing, EntityResult(failure, query.oldest, query.oldest))
        now = self._clock()
        for id, result in list(found.items()):
            if isinstance(result.value, ClientError):
                oldest = stale_if_error_since(result.value, now, query.limits)
                if oldest is not None:
                    stale = replace(query, oldest=oldest, missing_oldest=now - query.limits.missing)
                    found |= self._by_id.lookup(stale, [id])[0]
            known = self._by_id.hinted(id, found[id])
            if known.at < query.oldest or (
                not isinstance(known.value, ClientError) and known.hinted_at > known.at
            ):  # also if kept although the API contradicts it
                self._counts["entity", "stale"] += 1
                query.note_age(known.at, now, known.hinted_at)
        return found

    def _query(self, operation: RequestContext, fields: Fields, priority: Priority) -> ReadQuery:
        """Begin the receipt; return the query by the operation's freshness limits."""
        self._begin(operation)
        partition = Partition(operation.caller)
        fresh = self._pace.fresh(partition, active=not operation.receipt.finalized)
        limits = freshness_limits(fresh, operation.freshness, self._policy)
        now = self._clock()
        oldest, missing_oldest = now - limits.served, now - limits.missing
        return ReadQuery(operation, partition, fields, limits, oldest, missing_oldest, priority)

    def _begin(self, operation: RequestContext) -> None:
        """Begin the receipt with the caller's unbilled calls and the state of the window."""
        self._accounts.bill(operation)
        operation.receipt.budget = self._budget()
        operation.receipt.stale |= self._coherence.in_doubt()
        operation.receipt.coherent = self._pace.is_proven(Partition(operation.caller))
