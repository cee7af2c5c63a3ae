"""Plan the reads for a window: never at a higher cost than its missing rows."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.cache.policy.filters import TypeFilterSemantics, can_evaluate
from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.read.list_lookup import ALL_CLIENTS, ListLookup
from gateway.cache.store.cursor_anchor import with_anchors
from gateway.cache.store.entity import CachedRecord, Held
from gateway.cache.store.keys import ListKey
from gateway.cache.store.list_index import ListIndex, full_pages
from schema.source.records import MAX_PAGE, ClientId, Window

PlannedRead = tuple[ListKey, Window]
"""One read from the source."""


@dataclass(eq=False, repr=False)
class ReadPlanner:
    """Plans reads by their cost in calls and by what is cached."""

    _listed: ListLookup
    _meaning: TypeFilterSemantics
    _policy: CachePolicy
    _cost_of: Callable[[Window], int]

    def price(self, reads: Sequence[PlannedRead]) -> int:
        """Return the cost of these reads together, in calls."""
        return sum(self._cost_of(window) for _, window in reads)

    def plan(self, key: ListKey, window: Window, oldest: float) -> list[PlannedRead]:
        """Return the reads that complete `window`, at the cost of its missing rows or less."""
        every = ListKey(key.partition, ALL_CLIENTS)
        if key != every and self._is_first_query(key, every):
            needed = Window(0, max(1, min(window.limit, MAX_PAGE)))
            return [(every, Window(0, self.page_size(), needed=needed))]
        reads = self.own(key, window, oldest)
        price = self.price(reads)
        wholes = [every, key] if can_evaluate(key.where, self._meaning.types) else [key]
        for whole in wholes:
            rows = self._listed.rows(whole)
            if rows is None or rows.open or not 0 < rows.total <= self._policy.prefetch_max_rows:
                continue
            pages = [(whole, page) for page in self._listed.unread(whole, oldest)]
            if pages and self.price(pages) <= price:
                return pages
        return reads

    def page_size(self) -> int:
        """Return the rows of the largest page known to cost one call."""
        sizes = range(1, MAX_PAGE + 1)
        return bisect_right(sizes, 1, key=lambda size: self._cost_of(_wide(0, size))) or 1

    def _is_first_query(self, key: ListKey, every: ListKey) -> bool:
        """Return True if a caller's first request is a filter that can be applied locally.

        The first page of all clients costs the same one call and is most often the whole
        collection: every filter is free afterwards. Otherwise the call has shown the size of the
        collection.
        """
        unknown = self._listed.rows(every) is None and self._listed.rows(key) is None
        return unknown and can_evaluate(key.where, self._meaning.types)

    def own(self, key: ListKey, window: Window, oldest: float) -> list[PlannedRead]:
        """Return the missing rows from first to last, as full pages if those cost no more.

        The row that the window is counted from is included if that costs no more.
        """
        rows = self._listed.rows(key)
        known = rows or ListIndex(0, float("-inf"))
        place = self._listed.placed(key, known, window, oldest)
        if not place.seen:
            wide = with_anchors(place, self._cost_of)
            if wide is not None:
                return [(key, page) for page in self._as_full_pages(wide)]
        window = place.window
        reads = [(key, window)]
        start, stop = window.offset, window.offset + window.limit
        if rows is not None and rows.total_at >= oldest:
            start, stop = rows.range_of(window)
            missing = self._listed.missing(key, rows, start, stop, oldest)
            if missing:
                start, stop = missing[0], missing[-1] + 1
                reads = [(key, Window(start, stop - start))]
        elif window.from_end:
            return reads
        return [(key, page) for page in self._as_full_pages(Window(start, stop - start))] or reads

    def page_with(
        self, every: ListKey, held: Mapping[ClientId, Held], oldest: float
    ) -> Window | None:
        """Return the page of all clients to read next, if it is cheaper than details of `held`.

        Reading the whole list is, if it costs less than the ids that it is for. So is a page on
        which ids were when it was last read; a page of equal cost returns more.
        """
        wanted = [
            id
            for id, known in held.items()
            if not (isinstance(known, CachedRecord) and known.checked_at >= oldest)
        ]
        pages, rows = self._listed.unread(every, oldest), self._listed.rows(every)
        if rows is None:
            return pages[0] if len(wanted) > 1 else None
        places = Counter(
            place // MAX_PAGE
            for id in wanted
            if (place := rows.index_of(id, float("-inf"))) is not None
        )
        likely = max(pages, key=lambda page: places[page.offset // MAX_PAGE], default=None)
        if likely is None or not wanted:
            return None
        calls = sum(map(self._cost_of, pages))
        sure = all(isinstance(held[id], CachedRecord) for id in wanted)
        pays = calls < len(wanted) or (sure and calls == len(wanted))
        return likely if pays or places[likely.offset // MAX_PAGE] else None

    def _as_full_pages(self, window: Window) -> list[Window]:
        """Return full pages in place of `window` if those cost no more: fetch more, call once."""
        stop = window.offset + window.limit
        size = self.page_size()
        pages = [
            replace(page, needed=_common(page, window))
            for page in full_pages(range(window.offset, stop), size)
        ]
        if pages and sum(map(self._cost_of, pages)) <= self._cost_of(window):
            return pages
        return [window] if window.limit else []


def _wide(offset: int, limit: int) -> Window:
    return Window(offset, limit, needed=Window(offset, 1))


def _common(page: Window, window: Window) -> Window:
    """Return the rows of both windows."""
    begin = max(page.offset, window.offset)
    stop = min(page.offset + page.limit, window.offset + window.limit)
    return Window(begin, stop - begin)
