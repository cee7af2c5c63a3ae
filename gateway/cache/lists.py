"""Lists: windows, counts and whole collections, from memory or for the fewest calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from gateway.cache.entities import Gone, Known, told_by
from gateway.cache.filters import decidable, matches
from gateway.cache.flight import Flights
from gateway.cache.keys import EntityKey, ListKey, Partition
from gateway.cache.rows import Rows, blocks
from schema.failures import Forbidden, Unauthenticated
from schema.source import ClientFilter, Page, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.cache.flight import Flight
    from gateway.cache.freshness import Policy
    from gateway.cache.generations import Fence
    from gateway.cache.memory import Memory
    from schema.operation import Operation
    from schema.source import ClientRecord, ClientSource, Fields

EVERYONE = ClientFilter()
DOCUMENTED_ROW: Fields = frozenset(
    ("id", "first_name", "last_name", "email", "phone", "client_type", "status", "source")
) | {"budget_min", "budget_max"}
"""What the API page shows of a list row; corrected by the first page read."""
TRIES = 3
"""Readings of one window that writes or moving rows may spoil before one is told as it is."""


class Remembered(NamedTuple):
    """An answer from memory, as old as its oldest part."""

    page: Page
    at: float


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
        self.row_fields: Fields = DOCUMENTED_ROW
        """Fields that list rows are known to tell."""

    def remembered(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> Remembered | None:
        """The window as remembered since `oldest`, or None where anything is missing."""
        own = self._own(key, window, fields, oldest)
        if own is not None or key.where == EVERYONE:
            return own
        return self._filtered(key, window, fields, oldest)

    def _own(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> Remembered | None:
        rows = self._memory.rows(key)
        if rows is None or rows.total_at < oldest:
            return None
        start, stop = rows.range_of(window)
        records, ages = [], [rows.total_at]
        for row in rows.between(start, stop, oldest):
            seen = None if row is None else self._row(key, row, fields, oldest)
            if seen is None:
                return None
            records.append(seen[0])
            ages.append(seen[1])
        return Remembered(Page(start, tuple(records), rows.total), min(ages))

    def _row(
        self, key: ListKey, row: tuple[str, float], fields: Fields, oldest: float
    ) -> tuple[ClientRecord, float] | None:
        """A row's client. One that has since left the list takes the list with it."""
        id, at = row
        known = self._memory.client(EntityKey(key.partition, id))
        if isinstance(known, Known):
            left = matches(key.where, known.record, self._policy.type_filter) is False
            if not left or known.at <= at:
                seen = known.view(fields, oldest)
                return None if seen is None else (seen[0], min(seen[1], at))
        if known is not None and known.at > at:
            self._memory.forget_list(key)
        return None

    def _filtered(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> Remembered | None:
        """The window picked out of the whole collection, where that is remembered."""
        every = ListKey(key.partition, EVERYONE)
        rows = self._memory.rows(every)
        if rows is None or not decidable(key.where, self._policy.type_filter):
            return None
        asked = fields | {"status", "client_type"}
        whole = self._own(every, Window(0, rows.total), asked, oldest)
        if whole is None:
            return None
        types = self._policy.type_filter
        verdicts = [matches(key.where, record, types) for record in whole.page.records]
        if None in verdicts:
            return None
        picked = tuple(
            record for record, verdict in zip(whole.page.records, verdicts, strict=True) if verdict
        )
        start, stop = Rows(len(picked), whole.at).range_of(window)
        return Remembered(Page(start, picked[start:stop], len(picked)), whole.at)

    def total(self, partition: Partition) -> int | None:
        """How many clients this caller has, as far as was last heard."""
        rows = self._memory.rows(ListKey(partition, EVERYONE))
        return None if rows is None else rows.total

    def unread(self, key: ListKey, oldest: float) -> list[Window]:
        """The full pages that must be read to know the whole list; None of it known: the first."""
        rows = self._memory.rows(key)
        if rows is None:
            return blocks([0])
        return blocks(self._missing(key, rows, 0, rows.total, oldest))

    def _missing(self, key: ListKey, rows: Rows, start: int, stop: int, oldest: float) -> list[int]:
        missing = []
        for index, row in enumerate(rows.between(start, stop, oldest), start):
            known = None if row is None else self._memory.client(EntityKey(key.partition, row[0]))
            if known is None or isinstance(known, Gone) or known.at < oldest:
                missing.append(index)
        return missing

    def _reads(self, key: ListKey, window: Window, oldest: float) -> list[tuple[ListKey, Window]]:
        """What to ask so that `window` can be told, at the price of its missing part or less."""
        reads = self._partial(key, window, oldest)
        price = self._price(reads)
        every = ListKey(key.partition, EVERYONE)
        wholes = [every, key] if decidable(key.where, self._policy.type_filter) else [key]
        for whole in wholes:
            rows = self._memory.rows(whole)
            if rows is None or not 0 < rows.total <= self._policy.whole_collection_rows:
                continue
            pages = [(whole, page) for page in self.unread(whole, oldest)]
            if pages and self._price(pages) <= price:
                return pages
        return reads

    def _partial(self, key: ListKey, window: Window, oldest: float) -> list[tuple[ListKey, Window]]:
        """The missing rows from first to last; as full pages where those cost no more."""
        rows = self._memory.rows(key)
        asked = [(key, window)]
        start, stop = window.offset, window.offset + window.limit
        if rows is not None and rows.total_at >= oldest:
            start, stop = rows.range_of(window)
            missing = self._missing(key, rows, start, stop, oldest)
            if missing:
                start, stop = missing[0], missing[-1] + 1
                asked = [(key, Window(start, stop - start))]
        elif window.from_end:
            return asked
        pages = [(key, page) for page in blocks(range(start, stop))]
        return pages if pages and self._price(pages) <= self._price(asked) else asked

    def _price(self, reads: Sequence[tuple[ListKey, Window]]) -> int:
        return sum(self._source.price(window) for _, window in reads)

    async def read(
        self,
        operation: Operation,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        oldest: float,
    ) -> Page:
        """Read what is missing of `window`, and answer it."""
        key = ListKey(Partition(operation.caller), where)
        reads = self._reads(key, window, oldest)
        for _ in range(TRIES):
            began = self._clock()
            landed = await self.load(operation, reads, fields, oldest)
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
        reads: Sequence[tuple[ListKey, Window]],
        landed: Sequence[Landed],
    ) -> Remembered | None:
        """The answer, now that the missing part was read; None where it must be read again."""
        if not all(one.kept for one in landed):
            return None
        answer = self.remembered(key, window, fields, oldest)
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
        return Page(start, tuple(once.values()), page.total)

    async def load(
        self,
        operation: Operation,
        reads: Sequence[tuple[ListKey, Window]],
        fields: Fields,
        oldest: float,
    ) -> Sequence[Landed]:
        """Join the flights of these reads or send them, and wait for all."""
        now = self._clock()
        flights = [
            self._flight(operation, key, window, fields, oldest, now) for key, window in reads
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
    ) -> Flight[Landed]:
        fence = self._memory.lists_fence(key.partition)
        name = (key, window, fence)
        flight = self._flights.find(name, oldest)
        if flight is not None:
            operation.receipt.joined += 1
            return flight
        return self._flights.start(
            [name], self._send(operation, key, window, fields, now, fence), now
        )

    async def _send(  # noqa: PLR0913, PLR0917 - one question, and when it was asked
        self,
        operation: Operation,
        key: ListKey,
        window: Window,
        fields: Fields,
        at: float,
        fence: Fence,
    ) -> Landed:
        own = replace(operation, deadline=max(operation.deadline, at + self._policy.flight_seconds))
        try:
            page = await self._source.window(own, key.where, window, fields)
        except (Unauthenticated, Forbidden):
            self._memory.purge(key.partition)
            raise
        if page.records:
            self.row_fields = frozenset().union(*map(told_by, page.records))
        return Landed(page, at, self._memory.take_page(key, page, at, fence))
