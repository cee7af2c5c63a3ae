"""Windows planned into the fewest list calls: pure arithmetic over (page, limit)."""

from __future__ import annotations

from typing import NamedTuple

from schema.source import MAX_PAGE


class PageRead(NamedTuple):
    """One list call (API page, List all clients: `page` from 1, `limit` 1 to 100)."""

    page: int
    limit: int

    @property
    def offset(self) -> int:
        """Absolute index of the page's first row."""
        return (self.page - 1) * self.limit


def plan(offset: int, limit: int) -> tuple[PageRead, ...]:
    """The fewest calls that cover `limit` rows from `offset`; the fewest rows among those.

    One call suffices where some page size L has the first and the last row on the same page;
    that is so for every window of up to 50 rows.
    """
    if limit == 0:
        return (PageRead(1, 1),)
    last = offset + limit - 1
    # No smaller size is needed: pages twice as large cover the same rows in no more calls.
    sizes = range(min(limit, MAX_PAGE // 2 + 1), MAX_PAGE + 1)
    best = min(sizes, key=lambda size: (last // size - offset // size, size))
    return tuple(PageRead(page + 1, best) for page in range(offset // best, last // best + 1))
