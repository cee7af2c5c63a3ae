"""Read lists: fetch the missing rows of a window for the fewest calls, shared by all requests."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import msgspec

from gateway.cache.coherence.contract import Coherence
from gateway.cache.coherence.events import PageRead
from gateway.cache.fetch.page_store import FetchedPage, PageStore
from gateway.cache.fetch.queries import ListQuery
from gateway.cache.fetch.single_flight import Fetch, SingleFlight
from gateway.cache.policy.cost_attribution import CostAttribution
from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.read.cached_page import CachedPage, as_page, page_of
from gateway.cache.read.cached_row import decoded
from gateway.cache.read.list_lookup import ListLookup
from gateway.cache.read.planner import PlannedRead, ReadPlanner
from gateway.cache.store.cursor_anchor import ANY_AGE, locate
from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.generations import FencingToken
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.list_index import ListIndex
from schema.source.protocols import ClientReader
from schema.source.records import ClientRecord, Page, Window
from schema.source.request_context import Waiters

TRIES = 3
"""Reads of one window: one of all clients in its place, one that is outdated, and one more."""


class ListReader:
    """Reads the lists of all callers, from the cache and from the source."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        reader: ClientReader,
        accounts: CostAttribution,
        memory: FencedCache,
        policy: CachePolicy,
        clock: Callable[[], float],
        coherence: Coherence,
    ) -> None:
        self._reader = reader
        self._coherence = coherence
        self._accounts = accounts
        self._memory = memory
        self._policy = policy
        self._clock = clock
        self.flights: SingleFlight[tuple[ListKey, Window, FencingToken, str], FetchedPage] = (
            SingleFlight()
        )
        self.lookup = ListLookup(memory)
        self.page_cost = reader.page_cost
        self.plan = ReadPlanner(self.lookup, memory.meaning, policy, reader.page_cost)
        self.pages = PageStore(memory, policy)
        self.row_fields = self.pages.row_fields

    def reading(self) -> set[Partition]:
        """Return the callers whose lists are being read."""
        return {name[0].partition for name in self.flights}

    async def read(self, query: ListQuery) -> Page:
        """Read the missing rows of the window and return its page."""
        key = query.list_key
        query = replace(query, window=self.lookup.rebased(key, query.window))
        window, receipt = query.window, query.operation.receipt
        reads = self.plan.plan(key, window, query.oldest)
        outdated = False
        for _ in range(TRIES):
            began = self._clock()
            landed = await self.load(query, reads)
            page = self._stable_page(query, reads, landed)
            if page is not None:
                if page.at < began or page.hinted_at > began:
                    query.note_age(min(page.at, began), began, page.hinted_at)
                receipt.drift |= page.anchor_lost
                return decoded(page.page)
            again = [(key, self._anchored(query))]
            if all(target != key for target, _ in reads):
                again = self.plan.own(key, window, query.oldest) or again
            elif outdated or (reads == again and self._is_stable(landed)):
                break
            else:
                outdated = receipt.drift = query.operation.call_budget.may_exceed_estimate = True
            reads = again
        receipt.drift = True
        return self._best_effort_page(query, landed[-1].page)

    def _anchored(self, query: ListQuery) -> Window:
        """Return the window at its place, as far as that is known by now."""
        rows = self._memory.rows(query.list_key)
        if rows is None:
            return query.window.plain
        return self.lookup.placed(query.list_key, rows, query.window, query.oldest).window

    def _stable_page(
        self, query: ListQuery, reads: Sequence[PlannedRead], landed: Sequence[FetchedPage]
    ) -> CachedPage | None:
        """Return the page after the missing rows were read; None if it must be read again."""
        if not all(one.kept for one in landed):
            return None
        key, window = query.list_key, query.window
        answer = self.lookup.find(key, window, query.fields, query.oldest)
        if answer is not None or any(target != key for target, _ in reads):
            return answer
        page = self._page_just_read(query, landed)
        return None if page is None else CachedPage(page, landed[0].at, window, landed[0].at)

    @staticmethod
    def _is_stable(landed: Sequence[FetchedPage]) -> bool:
        """Return True if another read gives no better result: no write, no older version."""
        return all(
            one.kept and all(record.id in one.newest for record in one.page.records)
            for one in landed
        )

    def _page_just_read(self, query: ListQuery, landed: Sequence[FetchedPage]) -> Page | None:
        """Return the window from the pages just read, for a store that could not hold them."""
        first = landed[0].page
        rows = ListIndex(first.total, float("-inf"), open=first.more)
        newest: dict[str, CachedRecord] = {}
        for one in landed:
            ids = [record.id for record in one.page.records]
            rows = rows.merge(one.page.offset, ids, one.page.total, one.at, one.page.more)
            newest |= one.newest
        departed = self._memory.departures.of(query.list_key)
        place = locate(rows, query.window, ANY_AGE, departed)
        start, stop = rows.range_of(place.window)
        served: list[ClientRecord] = []
        for row in rows.slice(start, stop, float("-inf")):
            held = None if row is None else newest.get(row[0])
            if row is None or held is None:
                return None
            record = held.record
            if self._is_outdated(query, record):
                return None
            self._note_age(query, held, row[1])
            served.append(record)
        return as_page(rows, place, tuple(served))

    def _is_outdated(self, query: ListQuery, record: ClientRecord) -> bool:
        return self._memory.served.is_outdated(EntityKey(query.partition, record.id), record)

    def _note_age(self, query: ListQuery, held: CachedRecord, at: float) -> None:
        """Note the age of a record that is served, if it was read before `at`."""
        if held.at < at:
            age = self._clock() - held.at
            query.operation.receipt.note_age(round(age, 3), stale=True)

    def _best_effort_page(self, query: ListQuery, page: Page) -> Page:
        """Return rows that moved during every read, each at most once."""
        read, _, _ = page_of(page, query.window, self._memory.departures.of(query.list_key))
        once = {record.id: self._newest(query, record) for record in read.records}
        for record in once.values():
            self._memory.note_served(EntityKey(query.partition, record.id), record)
        return msgspec.structs.replace(read, records=tuple(once.values()))

    def _newest(self, query: ListQuery, record: ClientRecord) -> ClientRecord:
        """Return a later version of the record, if the caller was served one that is still held."""
        if not self._is_outdated(query, record):
            return record
        held = self._memory.client(EntityKey(query.partition, record.id))
        if not isinstance(held, CachedRecord):
            return record
        self._note_age(query, held, math.inf)
        return held.record

    async def load(self, query: ListQuery, reads: Sequence[PlannedRead]) -> Sequence[FetchedPage]:
        """Join or start the fetches of these reads, and wait for all."""
        now, operation = self._clock(), query.operation
        flights = [self._flight(query, key, window, now) for key, window in reads]
        landed = [await flight.wait(operation.deadline - self._clock()) for flight in flights]
        operation.receipt.drift |= any(one.drift for one in landed)
        return landed

    def is_under_way(self, query: ListQuery, key: ListKey, window: Window) -> bool:
        """Return True if a read of this page would be joined."""
        return self.flights.is_joinable(self._name(query, key, window), query.oldest)

    def _name(
        self, query: ListQuery, key: ListKey, window: Window
    ) -> tuple[ListKey, Window, FencingToken, str]:
        fence = self._memory.generations.of_lists(key.partition)
        # By credential: the API may respond differently to another credential of the user.
        return key, window, fence, query.operation.caller.hash

    def _flight(
        self, query: ListQuery, key: ListKey, window: Window, now: float
    ) -> Fetch[FetchedPage]:
        name = self._name(query, key, window)
        who = query.operation.waiters
        flight = self.flights.join(name, query.oldest, who)
        if flight is not None:
            query.operation.receipt.joined += 1
            return flight
        read = replace(query, where=key.where, window=window)
        return self.flights.start([name], partial(self._send, read, now, name[2]), now, who)

    async def _send(
        self, query: ListQuery, at: float, fence: FencingToken, waiters: Waiters
    ) -> FetchedPage:
        key, window = query.list_key, query.window
        caller, based_on = query.operation.caller, self._coherence.position
        flights: Sequence[str] = ()
        if self._coherence.is_shared:
            where = (key.where.client_type, key.where.status)
            place = (window.offset, window.limit, window.from_end)
            name = (key.partition, caller.hash, *where, *place)
            found, flights = await self._coherence.turns({key: name}, partial(self._held, query))
            if found:
                query.operation.receipt.joined += 1
                return found[key]
            at, fence = self._clock(), self._memory.generations.of_lists(key.partition)
            based_on = self._coherence.position
        try:
            with self._accounts.shared(query.operation, at, waiters) as flight:
                page = await self._reader.read_page(
                    flight, key.where, window, query.fields, query.priority
                )
        except BaseException:
            self._coherence.end(flights)
            raise
        event = PageRead(
            key.partition,
            caller.hash,
            at,
            key.where.client_type,
            key.where.status,
            page.offset,
            page.records,
            page.total,
            page.more,
        )
        store = partial(self.pages.store, key, page, at, fence, drift=flight.receipt.drift)
        return await self._coherence.read(event, store, based_on, flights)

    def _held(self, query: ListQuery, key: ListKey) -> FetchedPage | None:
        """Return the page, if another gateway has read it in the meantime."""
        known = self.lookup.find(key, query.window, query.fields, query.oldest)
        if known is None:
            return None
        held = {
            record.id: self._memory.client(EntityKey(key.partition, record.id))
            for record in known.page.records
        }
        newest = {id: each for id, each in held.items() if isinstance(each, CachedRecord)}
        return FetchedPage(known.page, known.at, newest, kept=True, drift=False)
