"""Look lists up in the cache: windows, totals, filters and unread pages."""

import math
from typing import NamedTuple

from gateway.cache.policy.filters import matches
from gateway.cache.read.cached_page import CachedPage, as_page
from gateway.cache.read.cached_row import EncodedRows, encoded_rows, rows_of
from gateway.cache.store.cursor_anchor import (
    AnchoredWindow,
    AnchorPosition,
    find,
    locate,
    locate_among,
    rebased,
)
from gateway.cache.store.entity import CachedRecord, Tombstone
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.list_index import IndexRange, ListIndex, full_pages
from schema.execution.lru import WeightedLRU
from schema.source.records import Anchor, ClientFilter, Fields, Window

ALL_CLIENTS = ClientFilter()
_MAX_SELECTED = 2 * 1024 * 1024
"""Bytes of the filtered lists that are remembered for all callers."""
_SELECTED, _ROW = 1_000, 60
"""Bytes of one without its rows, and of each row."""


class _HeldRows(NamedTuple):
    """The clients of consecutive rows, as old as the oldest part of any of them."""

    clients: list[CachedRecord]
    at: float
    checked_at: float
    hinted_at: float

    def page(
        self, rows: ListIndex, place: AnchoredWindow, oldest: float, encoded: EncodedRows
    ) -> CachedPage:
        """Return the page of a located window with these clients, as checked since `oldest`."""
        page = as_page(rows, place, rows_of(self.clients, oldest, encoded))
        return CachedPage(page, self.at, place.window, self.checked_at, place.lost, self.hinted_at)


class _FilteredList(NamedTuple):
    """A list as the whole collection shows it, as old as the oldest part of that."""

    rows: ListIndex
    positions: list[int]
    """The index of each row in the whole collection."""
    checked_at: float
    hinted_at: float
    lasts: bool
    """False if it holds an entry that expires, as the API contradicts it."""


class ListLookup:
    """Cached lists of all callers."""

    def __init__(self, memory: FencedCache) -> None:
        self._memory = memory
        self._meaning = memory.meaning
        self._encoded = encoded_rows()
        self._selected: WeightedLRU[_FilteredList] = WeightedLRU(_MAX_SELECTED)
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
        held = self._held(key, rows, place.window, fields, oldest)
        return None if held is None else held.page(rows, place, oldest, self._encoded)

    def _held(
        self, key: ListKey, rows: ListIndex, window: Window, fields: Fields, oldest: float
    ) -> _HeldRows | None:
        """Return the clients of a located window as read since `oldest`, None if one is missing.

        A client that has since left the list clears the list.
        """
        start, stop = rows.range_of(window)
        held = [row for row in rows.slice(start, stop, oldest) if row is not None]
        if len(held) < stop - start:
            return None
        clients: list[CachedRecord] = []
        ages, checks = [rows.total_at], [rows.total_at]
        entries = self._memory.clients(key.partition, [id for id, _ in held])
        for (id, at), known in zip(held, entries, strict=True):
            later = known is not None and known.at > at
            if not isinstance(known, CachedRecord) or (later and self._has_left(key, known)):
                if later:
                    self._memory.forget_list(key, left=id)
                return None
            age = known.as_of(fields, oldest)
            if age is None:
                return None
            clients.append(known)
            ages.append(age)
            checks.append(max(age, known.contradicted_at))
        read_at = min([rows.total_at, *(at for _, at in held)])
        as_of, checked_at = min(read_at, *ages), min(read_at, *checks)
        hints, hinted_at = self._memory.hints, -math.inf
        if hints.last_at > checked_at:
            hinted_at = hints.of_page(key, read_at, zip(clients, checks[1:], strict=True))
        return _HeldRows(clients, as_of, checked_at, hinted_at)

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

    def _has_left(self, key: ListKey, known: CachedRecord) -> bool:
        return matches(key.where, known, self._meaning.types) is False

    def _filtered(
        self, key: ListKey, window: Window, fields: Fields, oldest: float
    ) -> CachedPage | None:
        """Return the window filtered from the whole collection, if that is cached."""
        all_clients = ListKey(key.partition, ALL_CLIENTS)
        rows = self.rows(all_clients)
        if rows is None or rows.total_at < oldest or rows.open:
            return None
        # Nothing of the caller has changed under the same token, so the same clients match.
        name = (
            key,
            fields,
            self._memory.generations.of_responses(key.partition),
            self._meaning.types,
        )
        filtered, hints = self._selected.find(name), self._memory.hints
        if filtered is None or not oldest <= filtered.rows.total_at >= hints.last_at:
            filtered = self._select(key, rows, fields, oldest)
            if filtered is None:
                return None
            if filtered.lasts and self._selected.find(name) is None:
                size = _SELECTED + _ROW * len(filtered.positions)
                self._selected.put(name, filtered, size)
        left, departed = self._memory.departures.of(key), self._memory.departures.of(all_clients)
        positions = filtered.positions

        def elsewhere(anchor: Anchor) -> AnchorPosition | None:
            """Return where a client that has left this list is in the whole collection."""
            return locate_among(
                positions, find(rows, anchor._replace(before=(), after=()), oldest, departed)
            )

        place = locate(filtered.rows, window, oldest, left, elsewhere)
        held = self._held(key, filtered.rows, place.window, fields, oldest)
        if held is None:
            return None
        held = held._replace(checked_at=filtered.checked_at, hinted_at=filtered.hinted_at)
        return held.page(filtered.rows, place, oldest, self._encoded)

    def _select(
        self, key: ListKey, rows: ListIndex, fields: Fields, oldest: float
    ) -> _FilteredList | None:
        """Return the list filtered from the whole collection, as read since `oldest`."""
        all_clients, types = ListKey(key.partition, ALL_CLIENTS), self._meaning.types
        needed_fields = fields | {"status", "client_type"}
        whole = self._held(all_clients, rows, Window(0, rows.total), needed_fields, oldest)
        if whole is None:
            return None
        verdicts = [
            matches(
                key.where, each if each.other_fields_at >= oldest else each.since(oldest), types
            )
            for each in whole.clients
        ]
        if None in verdicts:
            return None
        positions = [index for index, verdict in enumerate(verdicts) if verdict]
        ids = tuple([whole.clients[index].id for index in positions])
        return _FilteredList(
            ListIndex(len(ids), whole.at, (IndexRange(0, ids, whole.at),)),
            positions,
            whole.checked_at,
            whole.hinted_at,
            lasts=all(each.contradicted_at == -math.inf for each in whole.clients),
        )

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
