"""Lists read: what memory lacks of a window, for the fewest calls, shared by all who miss it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.cache.entities import Known, told_by
from gateway.cache.flight import Flights
from gateway.cache.keys import EntityKey, ListKey, Partition
from gateway.cache.listed import Listed, Remembered
from gateway.cache.plan import Plan
from gateway.cache.rows import Rows
from schema.failures import Forbidden, Unauthenticated
from schema.source import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.cache.flight import Flight
    from gateway.cache.freshness import Policy
    from gateway.cache.generations import Fence
    from gateway.cache.memory import Memory
    from gateway.cache.plan import Read
    from schema.operation import Lane, Operation
    from schema.source import ClientFilter, ClientRecord, ClientSource, Fields, Window

DOCUMENTED_ROW: Fields = frozenset(
    ("id", "first_name", "last_name", "email", "phone", "client_type", "status", "source")
) | {"budget_min", "budget_max"}
"""What the API page shows of a list row; corrected by the first page read."""
TRIES = 3
"""Readings of one window that writes or moving rows may spoil before one is told as it is."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A page read; `kept` unless its caller wrote while it was under way."""

    page: Page
    at: float
    kept: bool


class Lists:
    """The lists of all callers: what is remembered of them, and how the rest is read."""

    def __init__(
        self, source: ClientSource, memory: Memory, policy: Policy, clock: Callable[[], float]
    ) -> None:
        self._source = source
        self._memory = memory
        self._policy = policy
        self._clock = clock
        self._flights: Flights[Landed] = Flights()
        self.listed = Listed(memory, policy.type_filter)
        self._plan = Plan(self.listed, policy, source.price)
        self.row_fields: Fields = DOCUMENTED_ROW
        """Fields that list rows are known to tell."""

    async def read(  # noqa: PLR0913, PLR0917 - one question
        self,
        operation: Operation,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        oldest: float,
        lane: Lane,
    ) -> Page:
        """Read what is missing of `window`, and answer it."""
        key = ListKey(Partition(operation.caller), where)
        reads = self._plan.reads(key, window, oldest)
        for _ in range(TRIES):
            began = self._clock()
            landed = await self.load(operation, reads, fields, oldest, lane)
            page = self._settled(key, window, fields, oldest, reads, landed)
            if page is not None:
                if page.at < began:
                    operation.receipt.used(round(began - page.at, 3))
                return page.page
            if reads == [(key, window)] and self._still(key, landed):
                break
            reads = [(key, window)]
        return self._as_it_is(operation, key, window, landed[-1].page)

    def _settled(  # noqa: PLR0913, PLR0917 - one question and what came of it
        self,
        key: ListKey,
        window: Window,
        fields: Fields,
        oldest: float,
        reads: Sequence[Read],
        landed: Sequence[Landed],
    ) -> Remembered | None:
        """The answer, now that the missing part was read; None where it must be read again."""
        if not all(one.kept for one in landed):
            return None
        answer = self.listed.remembered(key, window, fields, oldest)
        if answer is not None or any(target != key for target, _ in reads):
            return answer
        page = self._told(key, window, landed)
        return None if page is None else Remembered(page, landed[0].at)

    def _still(self, key: ListKey, landed: Sequence[Landed]) -> bool:
        """Whether reading once more would tell no better: nothing was written, nothing is older."""
        return all(
            one.kept and all(self._newest(key.partition, record) for record in one.page.records)
            for one in landed
        )

    def _told(self, key: ListKey, window: Window, landed: Sequence[Landed]) -> Page | None:
        """The window out of what was just read, for a store that could not hold it."""
        rows = Rows(landed[0].page.total, float("-inf"))
        records: dict[str, ClientRecord] = {}
        for one in landed:
            ids = [record.id for record in one.page.records]
            rows = rows.learn(one.page.offset, ids, one.page.total, one.at)
            records |= zip(ids, one.page.records, strict=True)
        start, stop = rows.range_of(window)
        told = [
            None if row is None else self._newest(key.partition, records[row[0]])
            for row in rows.between(start, stop, float("-inf"))
        ]
        if None in told:
            return None
        return Page(start, tuple(record for record in told if record is not None), rows.total)

    def _newest(self, partition: Partition, record: ClientRecord) -> ClientRecord | None:
        """The record, or a later version of it; None if the caller saw one we no longer have."""
        key = EntityKey(partition, record.id)
        if not self._memory.outdated(key, record):
            return record
        known = self._memory.client(key)
        return known.record if isinstance(known, Known) else None

    def _as_it_is(self, operation: Operation, key: ListKey, window: Window, page: Page) -> Page:
        """Rows that would not hold still: each at most once, and the receipt says so."""
        operation.receipt.drift = True
        start, stop = Rows(page.total, 0).range_of(window)
        begin = max(0, start - page.offset)
        rows = page.records[begin : begin + stop - start]
        once = {record.id: self._newest(key.partition, record) or record for record in rows}
        for record in once.values():
            self._memory.told(EntityKey(key.partition, record.id), record)
        return Page(start, tuple(once.values()), page.total)

    async def load(
        self,
        operation: Operation,
        reads: Sequence[Read],
        fields: Fields,
        oldest: float,
        lane: Lane,
    ) -> Sequence[Landed]:
        """Join the flights of these reads or send them, and wait for all."""
        now = self._clock()
        flights = [
            self._flight(operation, key, window, fields, oldest, now, lane) for key, window in reads
        ]
        return [await flight.land(operation.deadline - self._clock()) for flight in flights]

    def _flight(  # noqa: PLR0913, PLR0917 - one question, asked now
        self,
        operation: Operation,
        key: ListKey,
        window: Window,
        fields: Fields,
        oldest: float,
        now: float,
        lane: Lane,
    ) -> Flight[Landed]:
        fence = self._memory.lists_fence(key.partition)
        name = (key, window, fence)
        flight = self._flights.find(name, oldest)
        if flight is not None:
            operation.receipt.joined += 1
            return flight
        return self._flights.start(
            [name], self._send(operation, key, window, fields, now, fence, lane), now
        )

    async def _send(  # noqa: PLR0913, PLR0917 - one question, and when it was asked
        self,
        operation: Operation,
        key: ListKey,
        window: Window,
        fields: Fields,
        at: float,
        fence: Fence,
        lane: Lane,
    ) -> Landed:
        own = replace(operation, deadline=max(operation.deadline, at + self._policy.flight_seconds))
        try:
            page = await self._source.window(own, key.where, window, fields, lane)
        except (Unauthenticated, Forbidden):
            self._memory.purge(key.partition)
            raise
        if page.records:
            self.row_fields = frozenset().union(*map(told_by, page.records))
        return Landed(page, at, self._memory.take_page(key, page, at, fence))
