"""Lists read: what memory lacks of a window, for the fewest calls, shared by all who miss it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from gateway.cache.anchors import ANY_AGE, placed
from gateway.cache.entities import Known, told_by
from gateway.cache.flight import Flights
from gateway.cache.keys import EntityKey, ListKey, Partition
from gateway.cache.listed import EVERYONE, Listed, Remembered, as_page
from gateway.cache.plan import Plan
from gateway.cache.rows import Rows, Span
from schema.failures import Forbidden, Unauthenticated
from schema.source import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gateway.cache.accounts import Accounts
    from gateway.cache.filters import Meaning
    from gateway.cache.flight import Flight
    from gateway.cache.freshness import Policy
    from gateway.cache.generations import Fence
    from gateway.cache.memory import Memory
    from gateway.cache.order import Order
    from gateway.cache.plan import Read
    from gateway.cache.question import Question
    from schema.operation import Audience
    from schema.source import ClientRecord, ClientSource, Fields, Window

DOCUMENTED_ROW: Fields = frozenset(
    ("id", "first_name", "last_name", "email", "phone", "client_type", "status", "source")
) | {"budget_min", "budget_max"}
"""What the API page shows of a list row; corrected by the first page read."""
TRIES = 3
"""Readings of one window: one of all clients in its stead, one that is spoilt, and one more."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A page read; `kept` unless its caller wrote while it was under way.

    `drift`: rows were seen to move between the calls that read it.
    """

    page: Page
    at: float
    kept: bool
    drift: bool


class Lists:
    """The lists of all callers: what is remembered of them, and how the rest is read."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a reading needs and changes
        self,
        source: ClientSource,
        memory: Memory,
        meaning: Meaning,
        order: Order,
        accounts: Accounts,
        policy: Policy,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._memory = memory
        self._meaning = meaning
        self._order = order
        self._accounts = accounts
        self._policy = policy
        self._clock = clock
        self._flights: Flights[Landed] = Flights()
        self.listed = Listed(memory, meaning)
        self.plan = Plan(self.listed, meaning, policy, source.price)
        self.row_fields: Fields = DOCUMENTED_ROW
        """Fields that list rows are known to tell."""

    async def read(self, question: Question) -> Page:
        """Read what is missing of the window, and answer it."""
        key = question.key
        question = replace(question, window=self.listed.rebased(key, question.window))
        window, receipt = question.window, question.operation.receipt
        reads = self.plan.reads(key, window, question.oldest)
        spoilt = False
        for _ in range(TRIES):
            began = self._clock()
            landed = await self.load(question, reads)
            page = self._settled(question, reads, landed)
            if page is not None:
                if page.at < began:
                    age = began - page.at
                    stale = age > question.fresh or page.at < question.oldest
                    receipt.used(round(age, 3), stale=stale)
                receipt.drift |= page.lost
                return page.page
            again = [(key, self._placed(question))]
            if all(target != key for target, _ in reads):
                again = self.plan.own(key, window, question.oldest) or again
            elif spoilt or (reads == again and self._still(key, landed)):
                break
            else:
                spoilt = receipt.drift = question.operation.spending.excused = True
            reads = again
        receipt.drift = True
        return self._as_it_is(question, landed[-1].page)

    def _placed(self, question: Question) -> Window:
        """Where the window lies, as far as is known by now."""
        rows = self._memory.rows(question.key)
        if rows is None:
            return question.window.plain
        return self.listed.placed(question.key, rows, question.window, question.oldest).window

    def _settled(
        self, question: Question, reads: Sequence[Read], landed: Sequence[Landed]
    ) -> Remembered | None:
        """The answer, now that the missing part was read; None where it must be read again."""
        if not all(one.kept for one in landed):
            return None
        key, window = question.key, question.window
        answer = self.listed.remembered(key, window, question.fields, question.oldest)
        if answer is not None or any(target != key for target, _ in reads):
            return answer
        page = self._told(question, landed)
        return None if page is None else Remembered(page, landed[0].at, window, landed[0].at)

    def _still(self, key: ListKey, landed: Sequence[Landed]) -> bool:
        """Whether reading once more would tell no better: nothing was written, nothing is older."""
        return all(
            one.kept and all(self._newest(key, record) for record in one.page.records)
            for one in landed
        )

    def _told(self, question: Question, landed: Sequence[Landed]) -> Page | None:
        """The window out of what was just read, for a store that could not hold it."""
        first = landed[0].page
        rows = Rows(first.total, float("-inf"), open=first.more)
        records: dict[str, ClientRecord] = {}
        for one in landed:
            ids = [record.id for record in one.page.records]
            rows = rows.learn(one.page.offset, ids, one.page.total, one.at, one.page.more)
            records |= zip(ids, one.page.records, strict=True)
        departed = self._memory.departures.of(question.key)
        place = placed(rows, question.window, ANY_AGE, departed)
        start, stop = rows.range_of(place.window)
        told: list[ClientRecord] = []
        for row in rows.between(start, stop, float("-inf")):
            record = None if row is None else self._newest(question.key, records[row[0]])
            if record is None:
                return None
            told.append(self._noted(question, record))
        return as_page(rows, place, tuple(told))

    def _newest(self, of: ListKey, record: ClientRecord) -> ClientRecord | Known | None:
        """The record, or a later version held; None if the caller saw one we no longer have."""
        key = EntityKey(of.partition, record.id)
        if not self._memory.outdated(key, record):
            return record
        known = self._memory.client(key)
        return known if isinstance(known, Known) else None

    def _noted(self, question: Question, newest: ClientRecord | Known) -> ClientRecord:
        """What to tell; on the receipt how old it is, where it is held from before."""
        if not isinstance(newest, Known):
            return newest
        age = self._clock() - newest.at
        question.operation.receipt.used(round(age, 3), stale=True)
        return newest.record

    def _as_it_is(self, question: Question, page: Page) -> Page:
        """Rows that would not hold still: each at most once."""
        span = Span(page.offset, tuple(record.id for record in page.records), 0)
        read = Rows(page.total, 0, (span,) if span.ids else (), page.more)
        departed = self._memory.departures.of(question.key)
        place = placed(read, question.window, ANY_AGE, departed)
        start, stop = read.range_of(place.window)
        begin = max(0, start - page.offset)
        rows = page.records[begin : begin + stop - start]
        once = {
            record.id: self._noted(question, self._newest(question.key, record) or record)
            for record in rows
        }
        for record in once.values():
            self._memory.told(EntityKey(question.key.partition, record.id), record)
        return Page(start, tuple(once.values()), page.total, page.more, place.window, place.bounds)

    async def load(self, question: Question, reads: Sequence[Read]) -> Sequence[Landed]:
        """Join the flights of these reads or send them, and wait for all."""
        now, operation = self._clock(), question.operation
        flights = [self._flight(question, key, window, now) for key, window in reads]
        landed = [await flight.land(operation.deadline - self._clock()) for flight in flights]
        operation.receipt.drift |= any(one.drift for one in landed)
        return landed

    def _flight(
        self, question: Question, key: ListKey, window: Window, now: float
    ) -> Flight[Landed]:
        fence = self._memory.lists_fence(key.partition)
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
        self, question: Question, at: float, fence: Fence, audience: Audience
    ) -> Landed:
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
            self._accounts.landed(operation, flight)
        clients = [record for record in page.records if not record.unreadable]
        if clients:
            self.row_fields = frozenset().union(*map(told_by, clients))
        kept = self._memory.take_page(key, page, at, fence)
        if kept:
            self._order.observe(page.records)
            self._meaning.observe(key.where, page, self._everyone(key.partition, at))
        return Landed(page, at, kept, flight.receipt.drift)

    def _everyone(self, partition: Partition, now: float) -> Iterable[ClientRecord]:
        """All of this caller's clients, where they are held and fresh; else none."""
        rows = self._memory.rows(ListKey(partition, EVERYONE))
        oldest = now - self._policy.fresh
        if rows is None or not rows.whole(oldest):
            return
        for span in rows.spans:
            for id in span.ids:
                known = self._memory.client(EntityKey(partition, id))
                if isinstance(known, Known):
                    yield known.record
