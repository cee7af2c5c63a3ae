"""A window put together from the pages that cover it: pure, over rows already read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.api.lists.pagination import PageRequest
from schema.source.records import FIELDS, ClientRecord, Page, placeholder_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.api.lists.response import ListResponse, Meta


class ReadPage(NamedTuple):
    """What one list call told of the rows that were requested of it."""

    page: Page
    place: PageRequest
    """The page that was answered, as far as can be told."""
    end: int
    """The absolute index after its last row."""
    drift: bool
    """Whether the counts contradict each other or the rows."""
    excess: int | None = None
    """By how many the API's count is too high, where the list was seen to end against it."""


def place_of(read: PageRequest, told: ListResponse, *, echoes: bool = True) -> PageRequest | None:
    """The page that was answered to `read`, by `meta` and by how many rows it has.

    Ranges out of bounds are undocumented, so another page or limit than the one requested is
    possible; so is a `meta` that is wrong. None where both explain the rows. `echoes`: whether
    the page that `meta` names is believed.
    """
    meta, count = told.meta, len(told.records)
    page = meta.page if meta.page and echoes else read.page  # some count pages from 0
    stated = PageRequest(page, meta.limit or read.limit)
    if count > stated.limit:
        stated = PageRequest(page, read.limit)
    if stated == read or (count == 0 and stated.limit >= read.limit):
        return read
    if count > read.limit or stated.limit < read.limit:
        return stated
    fits = _explains(read, meta, count), _explains(stated, meta, count)
    if fits[0] == fits[1] and page != read.page:
        return None
    return read if fits[0] else stated


def _explains(place: PageRequest, meta: Meta, count: int) -> bool:
    """Whether a page there has this many rows, by the API's own total."""
    if meta.total is None:
        return True
    return count == min(place.limit, max(0, meta.total - place.offset))


def to_page(
    read: PageRequest, place: PageRequest, told: ListResponse, excess: int | None = None
) -> ReadPage:
    """The rows that `read` asked for, at their true places, out of a page at `place`.

    `excess`: by how many `meta.total` was found too high before, at the list's end. A row that
    is no client of its own keeps its place, as a record all of whose fields are malformed.
    """
    meta, begin = told.meta, place.offset
    records = [
        unreadable(index) if record is None else record
        for index, record in enumerate(told.records, begin)
    ]
    end = begin + len(records)
    first = max(begin, read.offset)
    rows = tuple(records[first - begin : max(0, read.offset + read.limit - begin)])
    claimed = meta.total or 0
    over = excess or 0
    total = claimed - over if claimed - over >= end else claimed
    odd = _contradicts(meta, place, end if records else None)
    if not records:
        page = Page(read.offset, (), begin if meta.total is None else min(total, begin))
        seen = max(0, claimed - begin) if claimed > begin or meta.has_more else None
        return ReadPage(page, place, end, odd or claimed > begin, seen)
    unsaid = meta.total is None and meta.has_more is None and len(records) >= place.limit
    ends = excess is not None and meta.total is not None and total == end
    more = total <= end and not ends and (meta.has_more is True or unsaid)
    return ReadPage(Page(first, rows, max(total, end), more=more), place, end, odd)


def _contradicts(meta: Meta, place: PageRequest, end: int | None) -> bool:
    """Whether the API's counts cannot all be true of a page that ends before `end`."""
    if meta.total is None:
        return True
    pages = -(-meta.total // place.limit)
    if meta.total_pages is not None and meta.total_pages != pages:
        return True
    if end is None:
        return meta.has_more is True
    return meta.total < end or meta.has_more not in {None, meta.total > end}


def unreadable(place: int) -> ClientRecord:
    """Stands for a row without an id of its own, so that the rows after it keep their places."""
    return ClientRecord(id=placeholder_id(place), malformed=FIELDS)


def without_gaps(pages: Sequence[Page]) -> list[Page]:
    """The first of `pages`, and those after it up to the first row that none of them has.

    Pages that were requested side by side leave rows out where the API answers smaller ones.
    """
    stop = pages[0].offset + len(pages[0].records)
    kept = [pages[0]]
    for page in pages[1:]:
        if page.records and page.offset > stop:
            break
        kept.append(page)
        stop = max(stop, page.offset + len(page.records))
    return kept


def join_pages(pages: Sequence[Page], newest: Page) -> tuple[Page, bool]:
    """Neighbouring pages as one, each client once, and whether rows moved while they were read.

    `newest` is the last to arrive; its total is told, unless rows or the end of the list were
    seen that contradict it. Places told by two pages are taken from the first of them.
    """
    first = pages[0]
    if len(pages) == 1:
        return first, False
    stop = max((page.offset + len(page.records) for page in pages if page.records), default=0)
    ends = [page.total for page in pages if not page.records and page.total >= stop]
    total = max(stop, min([newest.total, *ends]))
    drift = any(page.total != total for page in pages)
    rows: dict[str, ClientRecord] = {}
    stop = first.offset
    for page in pages:
        drift |= stop < min(page.offset, total)
        news = page.records[max(0, stop - page.offset) :]
        for record in news:
            drift |= record.id in rows
            rows.setdefault(record.id, record)
        stop = max(stop, page.offset + len(page.records))
    more = pages[-1].more and total == stop
    return Page(first.offset, tuple(rows.values()), total, more=more), drift
