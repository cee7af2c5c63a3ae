"""Lists as they are remembered: windows, counts, filters and what is still unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.cache.policy.filters import matches
from gateway.cache.store.cursor_anchor import find, locate, locate_among, rebased
from gateway.cache.store.entity import CachedRecord, Tombstone
from gateway.cache.store.keys import EntityKey, ListKey
from gateway.cache.store.list_index import IndexRange, ListIndex, full_pages
from schema.source.records import ClientFilter, Page, Window

if TYPE_CHECKING:
    from gateway.cache.policy.filters import TypeFilterSemantics
    from gateway.cache.store.cursor_anchor import AnchoredWindow, AnchorPosition
    from gateway.cache.store.fenced import FencedCache
    from gateway.cache.store.keys import Partition
    from schema.source.records import Anchor, ClientRecord, Fields

ALL_CLIENTS = ClientFilter()
BESIDE = 4
"""Rows beside a page whose ids are told with it, for its cursors."""


class CachedPage(NamedTuple):
    """An answer from memory, as old as its oldest part."""

    page: Page
    at: float
    window: Window
    """The window that was answered: where the one asked for lies now."""
    checked_at: float
    """When the API was last asked for its parts, whatever it answered."""
    anchor_lost: bool = False
    """Whether the row that the window was counted from is not where it could be looked for."""


def as_page(rows: ListIndex, place: AnchoredWindow, records: tuple[ClientRecord, ...]) -> Page:
    """A page of a list: the records of a window in its place."""
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


class ListLookup:
    """What is remembered of the lists of all callers. `meaning`: what a type filter means."""

    def __init__(self, memory: FencedCache, meaning: TypeFilterSemantics) -> None:
        self._memory = memory
        self._meaning = meaning

    def find(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> CachedPage | None:
        """The window as remembered since `oldest`, or None where anything is missing."""
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
        records, ages, checks = [], [rows.total_at], [rows.total_at]
        for row in rows.slice(start, stop, oldest):
            seen = None if row is None else self._row(key, row, fields, oldest)
            if seen is None:
                return None
            records.append(seen[0])
            ages.append(seen[1])
            checks.append(seen[2])
        page = as_page(rows, place, tuple(records))
        return CachedPage(page, min(ages), place.window, min(checks), place.lost)

    def placed(
        self, key: ListKey, rows: ListIndex, window: Window, oldest: float
    ) -> AnchoredWindow:
        """Where a window lies in a list as remembered since `oldest`."""
        return locate(rows, window, oldest, self._memory.departures.of(key))

    def rebased(self, key: ListKey, window: Window) -> Window:
        """A window counted from where its rows stand by what is known of the list."""
        rows = self.rows(key)
        departed = self._memory.departures.of(key)
        return window if rows is None else rebased(rows, window, departed)

    def _row(
        self, key: ListKey, row: tuple[str, float], fields: Fields, oldest: float
    ) -> tuple[ClientRecord, float, float] | None:
        """A row's client, when it was read and when last asked for.

        One that has since left the list takes the list with it.
        """
        id, at = row
        known = self._memory.client(EntityKey(key.partition, id))
        if isinstance(known, CachedRecord):
            left = matches(key.where, known.record, self._meaning.types) is False
            if not left or known.at <= at:
                seen = known.view(fields, oldest)
                if seen is None:
                    return None
                return seen[0], min(seen[1], at), min(max(seen[1], known.contradicted_at), at)
        if known is not None and known.at > at:
            self._memory.forget_list(key, left=id)
        return None

    def _filtered(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> CachedPage | None:
        """The window picked out of the whole collection, where that is remembered."""
        every = ListKey(key.partition, ALL_CLIENTS)
        rows = self.rows(every)
        if rows is None or rows.total_at < oldest or rows.open:
            return None
        asked = fields | {"status", "client_type"}
        whole = self._own(every, Window(0, rows.total), asked, oldest)
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
        left, departed = self._memory.departures.of(key), self._memory.departures.of(every)

        def elsewhere(anchor: Anchor) -> AnchorPosition | None:
            """Where a client stands in the whole collection that is not in this list any more."""
            return locate_among(
                positions, find(rows, anchor._replace(before=(), after=()), oldest, departed)
            )

        place = locate(list_now, window, oldest, left, elsewhere)
        start, stop = list_now.range_of(place.window)
        page = as_page(list_now, place, picked[start:stop])
        return CachedPage(page, whole.at, place.window, whole.checked_at, place.lost)

    def rows(self, key: ListKey) -> ListIndex | None:
        """What is remembered of one list."""
        return self._memory.rows(key)

    def total(self, partition: Partition) -> int | None:
        """How many clients this caller has, as far as was last heard."""
        rows = self.rows(ListKey(partition, ALL_CLIENTS))
        return None if rows is None else rows.total

    def unread(self, key: ListKey, oldest: float) -> list[Window]:
        """The full pages that must be read to know the whole list; None of it known: the first."""
        rows = self.rows(key)
        if rows is None:
            return full_pages([0])
        return full_pages(self.missing(key, rows, 0, rows.total, oldest))

    def missing(
        self, key: ListKey, rows: ListIndex, start: int, stop: int, oldest: float
    ) -> list[int]:
        """The indexes from `start` up to `stop` of which no row or no client is remembered."""
        missing = []
        for index, row in enumerate(rows.slice(start, stop, oldest), start):
            known = None if row is None else self._memory.client(EntityKey(key.partition, row[0]))
            if known is None or isinstance(known, Tombstone) or known.checked_at < oldest:
                missing.append(index)
        return missing
