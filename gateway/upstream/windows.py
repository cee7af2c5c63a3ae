"""A window put together from the pages that cover it: pure, over rows already read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.upstream.envelope import nonsense
from schema.source import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.upstream.envelope import Listing
    from gateway.upstream.pages import PageRead
    from schema.source import ClientRecord


def page_of(read: PageRead, told: Listing) -> Page:
    """The rows that `read` asked for, at their true places.

    An API that answers another page or limit than it was asked for (how it treats those out of
    range is undocumented) is believed as to where its rows lie. Raises `Unavailable` when rows
    that exist are then missing.
    """
    records, meta = told.records, told.meta
    if (meta.page, meta.limit) != read:
        ahead = read.offset - (meta.page - 1) * meta.limit
        records = records[ahead : ahead + read.limit] if ahead >= 0 else []
        if len(records) < min(read.limit, meta.total - read.offset):
            raise nonsense("The API answered another page than the one asked for.")
    return Page(read.offset, tuple(records), meta.total)


def joined(pages: Sequence[Page], total: int) -> tuple[Page, bool]:
    """Neighbouring pages as one, each client once, and whether rows moved while they were read.

    `total` is the newest. Places told by two pages are taken from the first of them.
    """
    first = pages[0]
    if len(pages) == 1 and len({record.id for record in first.records}) == len(first.records):
        return first, first.total != total
    drift = any(page.total != total for page in pages)
    rows: dict[str, ClientRecord] = {}
    stop = pages[0].offset
    for page in pages:
        drift |= stop < min(page.offset, total)
        news = page.records[max(0, stop - page.offset) :]
        for record in news:
            drift |= record.id in rows
            rows.setdefault(record.id, record)
        stop = max(stop, page.offset + len(page.records))
    return Page(pages[0].offset, tuple(rows.values()), total), drift
