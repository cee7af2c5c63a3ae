"""Read all clients of a list for the fewest calls, and hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.cache.fetch.queries import ReadQuery
from gateway.cache.policy.filters import supersets
from gateway.cache.policy.freshness import CachePolicy, scan_limits
from gateway.cache.policy.scan_price import advice, too_heavy, too_large
from gateway.cache.read.list_lookup import ALL_CLIENTS
from gateway.cache.read.list_reader import ListReader
from gateway.cache.read.planner import PlannedRead
from gateway.cache.read.scan import Scan
from gateway.cache.store.collection import HeldCollection
from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import CollectionKey, EntityKey, ListKey, Partition
from schema.source.cost import CostEstimate
from schema.source.records import ClientFilter, ClientId, Window
from schema.source.request_context import CacheDirectives

WORTH_NARROWING = 3
"""Calls of a whole collection from which a narrower list's size is worth a call to learn it."""
ROUNDS = 2
"""Times that pages are read again because rows moved while the others were read."""

Found = tuple[CollectionKey, "HeldCollection"]


@dataclass(eq=False, repr=False)
class CollectionReader:
    """Reads collections of all callers. `cap` returns the calls that one operation may cost."""

    _lists: ListReader
    _memory: FencedCache
    _policy: CachePolicy
    _clock: Callable[[], float]
    cap: Callable[[], int]

    def held(
        self, partition: Partition, where: ClientFilter, oldest: Callable[[int], float]
    ) -> Found | None:
        """Return a collection with every client of a filter, if one is held.

        `oldest` returns the earliest time of a scan that may be used, by its calls.
        """
        for each in supersets(where):
            key = CollectionKey(partition, each)
            held = self._memory.collections.get(key)
            if held is None or held.calls == 1:
                held = self._of_pages(key, held, oldest(1)) or held
            if held is not None and held.at >= oldest(held.calls):
                return key, held
        return None

    def hinted_at(self, key: CollectionKey, held: HeldCollection) -> float:
        """Return when the last event came that may have changed a collection since it was read."""
        return self._memory.hints.of_collection(ListKey(key.partition, key.where), held)

    def changed(self, held: HeldCollection) -> list[ClientId]:
        """Return its clients about which an event came since, if to read them costs less."""
        changed = self._memory.hints.changed_since(held)
        return changed if len(changed) < held.calls else []

    def _of_pages(
        self, key: CollectionKey, held: HeldCollection | None, oldest: float
    ) -> HeldCollection | None:
        """Hold a list whose pages are all cached, if they are newer than what is held of it."""
        since = oldest if held is None else max(held.at, oldest)
        rows = self._lists.lookup.rows(ListKey(key.partition, key.where))
        if rows is None or rows.total_at <= since or not rows.whole(since):
            return None
        scan = self.scan(ListKey(key.partition, key.where), since)
        if scan.missing:
            return None
        newer = scan.collection(self._clock())
        if held is not None and newer.at <= held.at:
            return None
        self._hold(key, newer)
        return newer

    def _hold(self, key: CollectionKey, held: HeldCollection) -> None:
        if held.calls > 1:
            limits = scan_limits(self._policy.fresh, held.calls, CacheDirectives(), self._policy)
            held.kept_for = limits.served
        self._memory.collections.put(key, held)

    def scan(self, key: ListKey, oldest: float) -> Scan:
        """Return a scan of a list that begins with the rows read since `oldest`."""
        rows, size = self._lists.lookup.rows(key), self._lists.plan.page_size()
        if rows is None:
            return Scan(key, None, {}, size)
        known: dict[int, CachedRecord] = {}
        if rows.total_at >= oldest and not rows.open:
            for index, row in enumerate(rows.slice(0, rows.total, oldest)):
                entry = row and self._memory.client(EntityKey(key.partition, row[0]))
                if isinstance(entry, CachedRecord) and entry.checked_at >= oldest:
                    known[index] = entry
        return Scan(key, rows.total, known, size)

    def cost(
        self, query: ReadQuery, where: ClientFilter, reading: set[PlannedRead]
    ) -> CostEstimate:
        """Return the calls that reading a collection costs, without rows that move meanwhile.

        `reading` are the pages that the operation reads anyway; those of the collection are added.
        """
        scan, cap = self.scan(ListKey(query.partition, ALL_CLIENTS), query.oldest), self.cap()
        most = cap if scan.total is None else None
        if where != ALL_CLIENTS and scan.total is not None:
            narrow = self.scan(ListKey(query.partition, where), query.oldest)
            if narrow.total is None and len(scan.missing) >= WORTH_NARROWING:
                most = min(1 + len(scan.missing), cap)
                scan = narrow
            elif narrow.total is not None and len(narrow.missing) < len(scan.missing):
                scan = narrow
        pages = {(scan.key, page) for page in scan.missing} - reading
        reading |= pages
        calls = len(pages)
        return CostEstimate(
            calls, calls, calls if most is None else most, calls, advice=advice(where)
        )

    async def read(self, query: ReadQuery, where: ClientFilter, check: Callable[[], None]) -> Found:
        """Read a collection with every client of a filter, and hold it.

        `check` is called after each call, before the next is spent. Raises `TooExpensive` if more
        calls are needed than the operation may send; to learn that takes at most one call for each
        list, and its page is kept.
        """
        scan = self.scan(ListKey(query.partition, ALL_CLIENTS), query.oldest)
        if scan.total is None:
            await self._read(query, scan, scan.missing, check)
        if where != ALL_CLIENTS:
            narrow = self.scan(ListKey(query.partition, where), query.oldest)
            if narrow.total is None and len(scan.missing) >= WORTH_NARROWING:
                await self._read(query, narrow, narrow.missing, check)
            if narrow.total is not None and len(narrow.missing) < len(scan.missing):
                scan = narrow
        self._check_fits(query, scan)
        await self._read_all(query, scan, check)
        held = scan.collection(self._clock())
        key = CollectionKey(*scan.key)
        if scan.kept:
            self._hold(key, held)
        return key, held

    def _check_fits(self, query: ReadQuery, scan: Scan) -> None:
        """Raise `TooExpensive` if the collection could not be held, by the rows that are known."""
        some, total = scan.collection(self._clock()), scan.total or 0
        if len(scan.missing) > 1 and not self._memory.collections.fits(
            query.partition, some, total
        ):
            raise too_heavy(scan.key.where, total, self.cap())

    async def _read_all(self, query: ReadQuery, scan: Scan, check: Callable[[], None]) -> None:
        """Read what is missing, and again what moved meanwhile, as far as the operation may."""
        if scan.missing:
            await self._read(query, scan, scan.missing, check)
        for _ in range(ROUNDS):
            if not (scan.drift or scan.missing):
                return
            query.operation.call_budget.may_exceed_estimate = True
            if not scan.drop_moved(self._room(query)):
                return
            await self._read(query, scan, scan.missing, check)

    async def _read(
        self, query: ReadQuery, scan: Scan, pages: Sequence[Window], check: Callable[[], None]
    ) -> None:
        of_list = query.of_list(scan.key.where, pages[0])
        calls = sum(not self._lists.is_under_way(of_list, scan.key, page) for page in pages)
        if calls > self._room(query):
            raise too_large(scan.key.where, scan.total or 0, calls, self.cap())
        for one in await self._lists.load(of_list, [(scan.key, page) for page in pages]):
            scan.add(one)
        check()

    def _room(self, query: ReadQuery) -> float:
        """Return how many more calls the operation may send."""
        budget = query.operation.call_budget
        return min(budget.room, self.cap() - budget.sent)
