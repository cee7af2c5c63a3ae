"""Pages of cached lists, and the rows beside them."""

import math
from collections.abc import Callable
from typing import NamedTuple

from gateway.cache.store.cursor_anchor import ANY_AGE, AnchoredWindow, Neighbours, locate
from gateway.cache.store.list_index import IndexRange, ListIndex
from schema.source.records import ClientRecord, Page, Window

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
