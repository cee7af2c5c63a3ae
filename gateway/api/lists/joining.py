"""Join the pages that cover a window: pure functions over rows already read."""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.api.lists.pagination import PageRequest
from gateway.api.lists.response import ListResponse, Meta
from schema.source.records import FIELDS, ClientRecord, Page, placeholder_id


class ReadPage(NamedTuple):
    """The part of one list call's response that covers the requested rows."""

    page: Page
    place: PageRequest
    """The page that was answered, as inferred from `meta` and the rows."""
    end: int
    """The absolute index after its last row."""
    drift: bool
    """True if the counts contradict each other or the rows."""
    excess: int | None = None
    """By how many the API's count is too high, if the list ended before it; else None."""


def place_of(
    read: PageRequest, response: ListResponse, *, echoes: bool = True
) -> PageRequest | None:
    """Infer the page that was answered to `read` from `meta` and the number of rows.

    Ranges out of bounds are undocumented, so another page or limit than the one requested is
    possible, and so is a wrong `meta`. Return None if both pages explain the rows. `echoes`:
    whether the page that `meta` names is trusted.
    """
    meta, count = response.meta, len(response.records)
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
    """Return True if a page at `place` has `count` rows according to `meta.total`."""
    if meta.total is None:
        return True
    return count == min(place.limit, max(0, meta.total - place.offset))


def to_page(
    read: PageRequest, place: PageRequest, response: ListResponse, excess: int | None = None
) -> ReadPage:
    """Cut the rows requested by `read` out of the page at `place`, at their absolute indexes.

    `excess`: by how many `meta.total` was found too high before, at the list's end. A row without
    an id of its own keeps its place, as a record all of whose fields are malformed.
    """
    meta, begin = response.meta, place.offset
    records = [
        unreadable(index) if record is None else record
        for index, record in enumerate(response.records, begin)
    ]
    end = begin + len(records)
    first = max(begin, read.offset)
    rows = tuple(records[first - begin : max(0, read.offset + read.limit - begin)])
    claimed = meta.total or 0
    over = excess or 0
    total = claimed - over if claimed - over >= end else claimed
    contradictory = _contradicts(meta, place, end if records else None)
    if not records:
        page = Page(read.offset, (), begin if meta.total is None else min(total, begin))
        seen = max(0, claimed - begin) if claimed > begin or meta.has_more else None
        return ReadPage(page, place, end, contradictory or claimed > begin, seen)
    unstated = meta.total is None and meta.has_more is None and len(records) >= place.limit
    ends = excess is not None and meta.total is not None and total == end
    more = total <= end and not ends and (meta.has_more is True or unstated)
    return ReadPage(Page(first, rows, max(total, end), more=more), place, end, contradictory)


def _contradicts(meta: Meta, place: PageRequest, end: int | None) -> bool:
    """Return True if the API's counts contradict a page that ends before `end`."""
    if meta.total is None:
        return True
    pages = -(-meta.total // place.limit)
    if meta.total_pages is not None and meta.total_pages != pages:
        return True
    if end is None:
        return meta.has_more is True
    return meta.total < end or meta.has_more not in {None, meta.total > end}


def unreadable(place: int) -> ClientRecord:
    """Build the record for a row without an id of its own, so that later rows keep their places."""
    return ClientRecord(id=placeholder_id(place), malformed=FIELDS)


def without_gaps(pages: Sequence[Page]) -> list[Page]:
    """Return the leading pages of `pages`, up to the first row that is in none of them.

    Pages that were requested concurrently leave gaps if the API answers smaller ones.
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
    """Join adjacent pages, each client once; return the page and whether rows moved meanwhile.

    `newest` is the last page to arrive; its total is used, unless rows or the end of the list
    contradict it. An index that two pages contain is taken from the first of them.
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
        unseen = page.records[max(0, stop - page.offset) :]
        for record in unseen:
            drift |= record.id in rows
            rows.setdefault(record.id, record)
        stop = max(stop, page.offset + len(page.records))
    more = pages[-1].more and total == stop
    return Page(first.offset, tuple(rows.values()), total, more=more), drift
