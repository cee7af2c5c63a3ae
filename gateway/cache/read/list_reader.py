"""Lists read: what memory lacks of a window, for the fewest calls, shared by all who miss it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from gateway.cache.read.list_lookup import ALL_CLIENTS, CachedPage, ListLookup, as_page
from gateway.cache.read.planner import ReadPlanner
from gateway.cache.read.single_flight import SingleFlight
from gateway.cache.store.cursor_anchor import ANY_AGE, locate
from gateway.cache.store.entity import CachedRecord, present_fields
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.list_index import IndexRange, ListIndex
from schema.source.errors import Forbidden, Unauthenticated
from schema.source.records import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gateway.cache.policy.cost_attribution import CostAttribution
    from gateway.cache.policy.filters import TypeFilterSemantics
    from gateway.cache.policy.freshness import CachePolicy
    from gateway.cache.policy.sort_order import SortOrder
    from gateway.cache.read.list_query import ListQuery
    from gateway.cache.read.planner import PlannedRead
    from gateway.cache.read.single_flight import Fetch
    from gateway.cache.store.fenced import FencedCache
    from gateway.cache.store.generations import FencingToken
    from schema.source.protocols import ClientSource
    from schema.source.records import ClientRecord, Fields, Window
    from schema.source.request_context import Waiters

DOCUMENTED_ROW_FIELDS: Fields = frozenset(
    ("id", "first_name", "last_name", "email", "phone", "client_type", "status", "source")
) | {"budget_min", "budget_max"}
"""What the API page shows of a list row; corrected by the first page read."""
TRIES = 3
"""Readings of one window: one of all clients in its stead, one that is spoilt, and one more."""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page read; `kept` unless its caller wrote while it was under way.

    `drift`: rows were seen to move between the calls that read it.
    """

    page: Page
    at: float
    kept: bool
    drift: bool


class ListReader:
    """The lists of all callers: what is remembered of them, and how the rest is read."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a reading needs and changes
        self,
        source: ClientSource,
        memory: FencedCache,
        meaning: TypeFilterSemantics,
        order: SortOrder,
        accounts: CostAttribution,
        policy: CachePolicy,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._memory = memory
        self._meaning = meaning
        self._order = order
        self._accounts = accounts
        self._policy = policy
        self._clock = clock
        self._flights: SingleFlight[FetchedPage] = SingleFlight()
        self.lookup = ListLookup(memory, meaning)
        self.plan = ReadPlanner(self.lookup, meaning, policy, source.price)
        self.row_fields: Fields = DOCUMENTED_ROW_FIELDS
        """Fields that list rows are known to tell."""

    async def read(self, question: ListQuery) -> Page:
        """Read what is missing of the window, and answer it."""
        key = question.key
        question = replace(question, window=self.lookup.rebased(key, question.window))
        window, receipt = question.window, question.operation.receipt
        reads = self.plan.plan(key, window, question.oldest)
        spoilt = False
        for _ in range(TRIES):
            began = self._clock()
            landed = await self.load(question, reads)
            page = self._stable_page(question, reads, landed)
            if page is not None:
                if page.at < began:
                    age = began - page.at
                    stale = age > question.fresh or page.at < question.oldest
                    receipt.note_age(round(age, 3), stale=stale)
                receipt.drift |= page.anchor_lost
                return page.page
            again = [(key, self._anchored(question))]
            if all(target != key for target, _ in reads):
                again = self.plan.own(key, window, question.oldest) or again
            elif spoilt or (reads == again and self._is_stable(key, landed)):
                break
            else:
                spoilt = receipt.drift = question.operation.spending.may_exceed_estimate = True
            reads = again
        receipt.drift = True
        return self._best_effort_page(question, landed[-1].page)

    def _anchored(self, question: ListQuery) -> Window:
        """Where the window lies, as far as is known by now."""
        rows = self._memory.rows(question.key)
        if rows is None:
            return question.window.plain
        return self.lookup.placed(question.key, rows, question.window, question.oldest).window

    def _stable_page(
        self, question: ListQuery, reads: Sequence[PlannedRead], landed: Sequence[FetchedPage]
    ) -> CachedPage | None:
        """The answer, now that the missing part was read; None where it must be read again."""
        if not all(one.kept for one in landed):
            return None
        key, window = question.key, question.window
        answer = self.lookup.find(key, window, question.fields, question.oldest)
        if answer is not None or any(target != key for target, _ in reads):
            return answer
        page = self._served(question, landed)
        return None if page is None else CachedPage(page, landed[0].at, window, landed[0].at)

    def _is_stable(self, key: ListKey, landed: Sequence[FetchedPage]) -> bool:
        """Whether reading once more would tell no better: nothing was written, nothing is older."""
        return all(
            one.kept and all(self._newest(key, record) for record in one.page.records)
            for one in landed
        )

    def _served(self, question: ListQuery, landed: Sequence[FetchedPage]) -> Page | None:
        """The window out of what was just read, for a store that could not hold it."""
        first = landed[0].page
        rows = ListIndex(first.total, float("-inf"), open=first.more)
        records: dict[str, ClientRecord] = {}
        for one in landed:
            ids = [record.id for record in one.page.records]
            rows = rows.merge(one.page.offset, ids, one.page.total, one.at, one.page.more)
            records |= zip(ids, one.page.records, strict=True)
        departed = self._memory.departures.of(question.key)
        place = locate(rows, question.window, ANY_AGE, departed)
        start, stop = rows.range_of(place.window)
        told: list[ClientRecord] = []
        for row in rows.slice(start, stop, float("-inf")):
            record = None if row is None else self._newest(question.key, records[row[0]])
            if record is None:
                return None
            told.append(self._noted(question, record))
        return as_page(rows, place, tuple(told))

    def _newest(self, of: ListKey, record: ClientRecord) -> ClientRecord | CachedRecord | None:
        """The record, or a later version held; None if the caller saw one we no longer have."""
        key = EntityKey(of.partition, record.id)
        if not self._memory.is_outdated(key, record):
            return record
        known = self._memory.client(key)
        return known if isinstance(known, CachedRecord) else None

    def _noted(self, question: ListQuery, newest: ClientRecord | CachedRecord) -> ClientRecord:
        """What to tell; on the receipt how old it is, where it is held from before."""
        if not isinstance(newest, CachedRecord):
            return newest
        age = self._clock() - newest.at
        question.operation.receipt.note_age(round(age, 3), stale=True)
        return newest.record

    def _best_effort_page(self, question: ListQuery, page: Page) -> Page:
        """Rows that would not hold still: each at most once."""
        span = IndexRange(page.offset, tuple(record.id for record in page.records), 0)
        read = ListIndex(page.total, 0, (span,) if span.ids else (), page.more)
        departed = self._memory.departures.of(question.key)
        place = locate(read, question.window, ANY_AGE, departed)
        start, stop = read.range_of(place.window)
        begin = max(0, start - page.offset)
        rows = page.records[begin : begin + stop - start]
        once = {
            record.id: self._noted(question, self._newest(question.key, record) or record)
            for record in rows
        }
        for record in once.values():
            self._memory.note_served(EntityKey(question.key.partition, record.id), record)
        return Page(start, tuple(once.values()), page.total, page.more, place.window, place.bounds)

    async def load(
        self, question: ListQuery, reads: Sequence[PlannedRead]
    ) -> Sequence[FetchedPage]:
        """Join the flights of these reads or send them, and wait for all."""
        now, operation = self._clock(), question.operation
        flights = [self._flight(question, key, window, now) for key, window in reads]
        landed = [await flight.wait(operation.deadline - self._clock()) for flight in flights]
        operation.receipt.drift |= any(one.drift for one in landed)
        return landed

    def _flight(
        self, question: ListQuery, key: ListKey, window: Window, now: float
    ) -> Fetch[FetchedPage]:
        fence = self._memory.lists_token(key.partition)
        # By one credential: what the API says to another of the user's is no answer to this one.
        name = (key, window, fence, question.operation.caller.hash)
        who = question.operation.audience
        flight = self._flights.join(name, question.oldest, who)
        if flight is not None:
            question.operation.receipt.joined += 1
            return flight
        asked = replace(question, key=key, window=window)
        return self._flights.start([name], partial(self._send, asked, now, fence), now, who)

    async def _send(
        self, question: ListQuery, at: float, fence: FencingToken, audience: Waiters
    ) -> FetchedPage:
        key, operation = question.key, question.operation
        flight = self._accounts.flight(operation, at + self._policy.flight_seconds, audience)
        try:
            page = await self._source.window(
                flight, key.where, question.window, question.fields, question.lane
            )
        except (Unauthenticated, Forbidden):
            self._memory.purge(key.partition)
            raise
        finally:
            self._accounts.attribute(operation, flight)
        clients = [record for record in page.records if not record.unreadable]
        if clients:
            self.row_fields = frozenset().union(*map(present_fields, clients))
        kept = self._memory.store_page(key, page, at, fence)
        if kept:
            self._order.observe(page.records)
            self._meaning.observe(key.where, page, self._everyone(key.partition, at))
        return FetchedPage(page, at, kept, flight.receipt.drift)

    def _everyone(self, partition: Partition, now: float) -> Iterable[ClientRecord]:
        """All of this caller's clients, where they are held and fresh; else none."""
        rows = self._memory.rows(ListKey(partition, ALL_CLIENTS))
        oldest = now - self._policy.fresh
        if rows is None or not rows.whole(oldest):
            return
        for span in rows.spans:
            for id in span.ids:
                known = self._memory.client(EntityKey(partition, id))
                if isinstance(known, CachedRecord):
                    yield known.record
