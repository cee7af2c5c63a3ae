"""What to ask so that a window can be told: never dearer than its missing part."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.cache.policy.filters import can_evaluate
from gateway.cache.read.list_lookup import ALL_CLIENTS
from gateway.cache.store.cursor_anchor import AnchoredWindow, including_anchors
from gateway.cache.store.keys import ListKey
from gateway.cache.store.list_index import ListIndex, full_pages
from schema.source.records import MAX_PAGE, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.cache.policy.filters import TypeFilterSemantics
    from gateway.cache.policy.freshness import CachePolicy
    from gateway.cache.read.list_lookup import ListLookup

PlannedRead = tuple[ListKey, Window]
"""One question to the source."""
MARGINS = 8, 2, 0
"""Rows that are read beyond a window and those it is counted from, where they are free."""


class ReadPlanner:
    """Plans reads by `price`, in calls, and by what is already `listed`."""

    def __init__(
        self,
        listed: ListLookup,
        meaning: TypeFilterSemantics,
        policy: CachePolicy,
        price: Callable[[Window], int],
    ) -> None:
        self._listed = listed
        self._meaning = meaning
        self._policy = policy
        self._of = price

    def price(self, reads: Sequence[PlannedRead]) -> int:
        """What these reads cost together, in calls."""
        return sum(self._of(window) for _, window in reads)

    def plan(self, key: ListKey, window: Window, oldest: float) -> list[PlannedRead]:
        """What to ask so that `window` can be told, at the price of its missing part or less."""
        every = ListKey(key.partition, ALL_CLIENTS)
        if key != every and self._is_first_query(key, every):
            return [(every, self._hoped(key, window))]
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

    def _hoped(self, key: ListKey, window: Window) -> Window:
        """The first page of all clients: whatever of it comes for one call will do."""
        del key
        return Window(0, self.page_size(), needed=Window(0, max(1, min(window.limit, MAX_PAGE))))

    def page_size(self) -> int:
        """Rows of the largest page that one call is known to bring."""
        sizes = range(1, MAX_PAGE + 1)
        return bisect_right(sizes, 1, key=lambda size: self._of(_wide(0, size))) or 1

    def _is_first_query(self, key: ListKey, every: ListKey) -> bool:
        """Whether a caller's first question is by a filter that can be applied here.

        Its first page of all clients is the same one call, and most often the whole collection:
        then no filter costs anything any more. Otherwise how large it is was worth a call.
        """
        unknown = self._listed.rows(every) is None and self._listed.rows(key) is None
        return unknown and can_evaluate(key.where, self._meaning.types)

    def own(self, key: ListKey, window: Window, oldest: float) -> list[PlannedRead]:
        """The missing rows from first to last; as full pages where those cost no more.

        With them the row that the window was counted from, where it costs no more to look.
        """
        rows = self._listed.rows(key)
        place = self._place(key, rows, window, oldest)
        if not place.seen:
            for margin in MARGINS:
                wide = including_anchors(place, margin)
                if self._of(wide) <= self._of(place.window):
                    return [(key, page) for page in self._as_full_pages(wide)]
        window = place.window
        asked = [(key, window)]
        start, stop = window.offset, window.offset + window.limit
        if rows is not None and rows.total_at >= oldest:
            start, stop = rows.range_of(window)
            missing = self._listed.missing(key, rows, start, stop, oldest)
            if missing:
                start, stop = missing[0], missing[-1] + 1
                asked = [(key, Window(start, stop - start))]
        elif window.from_end:
            return asked
        return [(key, page) for page in self._as_full_pages(Window(start, stop - start))] or asked

    def _place(
        self, key: ListKey, rows: ListIndex | None, window: Window, oldest: float
    ) -> AnchoredWindow:
        if window.between is None:
            return AnchoredWindow(window)
        return self._listed.placed(key, rows or ListIndex(0, float("-inf")), window, oldest)

    def _as_full_pages(self, window: Window) -> list[Window]:
        """Full pages in place of `window`, where those cost no more; over-fetch, ask once."""
        stop = window.offset + window.limit
        size = self.page_size()
        pages = [
            replace(page, needed=_common(page, window))
            for page in full_pages(range(window.offset, stop), size)
        ]
        if pages and sum(map(self._of, pages)) <= self._of(window):
            return pages
        return [window] if window.limit else []


def _wide(offset: int, limit: int) -> Window:
    return Window(offset, limit, needed=Window(offset, 1))


def _common(page: Window, window: Window) -> Window:
    """The rows of both."""
    begin = max(page.offset, window.offset)
    stop = min(page.offset + page.limit, window.offset + window.limit)
    return Window(begin, stop - begin)
