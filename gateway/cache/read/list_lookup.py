"""Look lists up in the cache: windows, totals, filters and unread pages."""

import math
from collections.abc import Callable
from typing import NamedTuple

from gateway.cache.policy.filters import matches
from gateway.cache.store.cursor_anchor import (
    ANY_AGE,
    AnchoredWindow,
    AnchorPosition,
    Neighbours,
    find,
    locate,
    locate_among,
    rebased,
)
from gateway.cache.store.entity import CachedRecord, Held, Tombstone
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.list_index import IndexRange, ListIndex, full_pages
from schema.source.records import Anchor, ClientFilter, ClientRecord, Fields, Page, Window

ALL_CLIENTS = ClientFilter()
BESIDE = 4
"""Rows beside a page whose ids it carries, for its cursors."""


class CachedPage(NamedTuple):
    """A page from the cache, as old as its oldest part."""

    page: Page
    at: float
    window: Window
    """The window that the page holds: where the requested window is now."""
    checked_at: float
    """When the API was last called for its parts, whatever it returned."""
    anchor_lost: bool = False
    """Whether the row that the window is counted from was not found where it should be."""
    hinted_at: float = -math.inf
    """When the last event came that may have changed it since it was read."""


def as_page(rows: ListIndex, place: AnchoredWindow, records: tuple[ClientRecord, ...]) -> Page:
    """Return the page of a located window with these records."""
    start, stop = rows.range_of(place.window)
    return Page(
        start,
        records,
        rows.total,
        rows.open,
        place.window,
        place.bounds,
        rows.beside(start, stop, BESIDE),
    )


def page_of(
    read: Page, window: Window, departed: Callable[[str], Neighbours | None] = lambda _: None
) -> tuple[Page, bool, bool]:
    """Return the rows of `window` from a page just read.

    Also return whether the page holds them all, and whether a row that the window is counted from
    was not found where it should be.
    """
    span = IndexRange(read.offset, tuple(record.id for record in read.records), 0)
    rows = ListIndex(read.total, 0, (span,) if span.ids else (), read.more)
    place = locate(rows, window, ANY_AGE, departed)
    start, stop = rows.range_of(place.window)
    begin = max(0, start - read.offset)
    records = read.records[begin : begin + stop - start]
    covered = read.offset <= start and stop <= span.stop
    return as_page(rows, place, records), covered, place.lost


class ListLookup:
    """Cached lists of all callers."""

    def __init__(self, memory: FencedCache) -> None:
        self._memory = memory
        self._meaning = memory.meaning
        self.rows = memory.rows

    def find(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> CachedPage | None:
        """Return the window as read since `oldest`, or None if anything is missing."""
        own = self._own(key, window, fields, oldest)
        if own is not None or key.where == ALL_CLIENTS:
            return own
        return self._filtered(key, window, fields, oldest)

    def _own(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> CachedPage | None:
        rows = self.rows(key)
        if rows is None or rows.total_at < oldest:
            return None
        place = self.placed(key, rows, window, oldest)
        start, stop = rows.range_of(place.window)
        held = [row for row in rows.slice(start, stop, oldest) if row is not None]
        if len(held) < stop - start:
            return None
        records, ages, checks, read = [], [], [], [rows.total_at]
        clients = self._memory.clients(key.partition, [id for id, _ in held])
        for row, known in zip(held, clients, strict=True):
            seen = self._row(key, row, known, fields, oldest)
            if seen is None:
                return None
            records.append(seen[0])
            ages.append(seen[1])
            checks.append(seen[2])
            read.append(row[1])
        page = as_page(rows, place, tuple(records))
        as_of, checked_at = min(ages + read), min(checks + read)
        hints, hinted_at = self._memory.hints, -math.inf
        if hints.last_at > checked_at:
            hinted_at = hints.of_page(key, min(read), zip(records, checks, strict=True))
        return CachedPage(page, as_of, place.window, checked_at, place.lost, hinted_at)

    def placed(
        self, key: ListKey, rows: ListIndex, window: Window, oldest: float
    ) -> AnchoredWindow:
        """Return where a window is in a list as read since `oldest`."""
        return locate(rows, window, oldest, self._memory.departures.of(key))

    def rebased(self, key: ListKey, window: Window) -> Window:
        """Return a window with offsets counted from where its rows are known to be."""
        rows = self.rows(key)
        departed = self._memory.departures.of(key)
        return window if rows is None else rebased(rows, window, departed)

    def _row(
        self, key: ListKey, row: tuple[str, float], known: Held, fields: Fields, oldest: float
    ) -> tuple[ClientRecord, float, float] | None:
        """Return a row's client, when that was read and when the API was last called for it.

        A client that has since left the list clears the list.
        """
        id, at = row
        if isinstance(known, CachedRecord) and (known.at <= at or not self._has_left(key, known)):
            seen = known.view(fields, oldest)
            return None if seen is None else (*seen, max(seen[1], known.contradicted_at))
        if known is not None and known.at > at:
            self._memory.forget_list(key, left=id)
        return None

    def _has_left(self, key: ListKey, known: CachedRecord) -> bool:
        return matches(key.where, known.record, self._meaning.types) is False

    def _filtered(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> CachedPage | None:
        """Return the window filtered from the whole collection, if that is cached."""
        all_clients = ListKey(key.partition, ALL_CLIENTS)
        rows = self.rows(all_clients)
        if rows is None or rows.total_at < oldest or rows.open:
            return None
        needed_fields = fields | {"status", "client_type"}
        whole = self._own(all_clients, Window(0, rows.total), needed_fields, oldest)
        if whole is None:
            return None
        verdicts = [
            matches(key.where, record, self._meaning.types) for record in whole.page.records
        ]
        if None in verdicts:
            return None
        held = list(zip(whole.page.records, verdicts, strict=True))
        picked = tuple(record for record, verdict in held if verdict)
        positions = [index for index, (_, verdict) in enumerate(held) if verdict]
        ids = tuple(record.id for record in picked)
        list_now = ListIndex(len(picked), whole.at, (IndexRange(0, ids, whole.at),))
        left, departed = self._memory.departures.of(key), self._memory.departures.of(all_clients)

        def elsewhere(anchor: Anchor) -> AnchorPosition | None:
            """Return where a client that has left this list is in the whole collection."""
            return locate_among(
                positions, find(rows, anchor._replace(before=(), after=()), oldest, departed)
            )

        place = locate(list_now, window, oldest, left, elsewhere)
        start, stop = list_now.range_of(place.window)
        page = as_page(list_now, place, picked[start:stop])
        return whole._replace(page=page, window=place.window, anchor_lost=place.lost)

    def total(self, partition: Partition) -> int | None:
        """Return this caller's number of clients, as last read."""
        rows = self.rows(ListKey(partition, ALL_CLIENTS))
        return None if rows is None else rows.total

    def unread(self, key: ListKey, oldest: float) -> list[Window]:
        """Return the full pages to read for the whole list; the first page if none is known."""
        rows = self.rows(key)
        if rows is None:
            return full_pages([0])
        return full_pages(self.missing(key, rows, 0, rows.total, oldest))

    def missing(
        self, key: ListKey, rows: ListIndex, start: int, stop: int, oldest: float
    ) -> list[int]:
        """Return the indexes from `start` up to `stop` without a cached row or client."""
        missing = []
        for index, row in enumerate(rows.slice(start, stop, oldest), start):
            known = None if row is None else self._memory.client(EntityKey(key.partition, row[0]))
            if known is None or isinstance(known, Tombstone) or known.checked_at < oldest:
                missing.append(index)
        return missing
