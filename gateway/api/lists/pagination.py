"""Plan a window as the fewest list calls: pure arithmetic over (page, limit)."""

from functools import lru_cache
from typing import NamedTuple

from schema.source.records import MAX_PAGE, Window


class PageRequest(NamedTuple):
    """One list call (API page, List all clients: `page` from 1, `limit` 1 to 100)."""

    page: int
    limit: int

    @property
    def offset(self) -> int:
        """Absolute index of the page's first row."""
        return (self.page - 1) * self.limit


@lru_cache(1024)
def plan_pages(offset: int, limit: int, most: int = MAX_PAGE) -> tuple[PageRequest, ...]:
    """Plan the fewest calls that cover `limit` rows from `offset`, with the fewest rows of those.

    One call suffices if some page size L has the first and the last row on the same page, which
    holds for every window of up to 50 rows. `most`: the largest page the API answers.
    """
    if limit == 0:
        return (PageRequest(1, 1),)
    last = offset + limit - 1
    for size in range(limit, most + 1):
        if offset // size == last // size:
            return (PageRequest(offset // size + 1, size),)
    # No smaller size is needed: pages of twice the size cover the same rows in as few calls.
    sizes = range(most // 2 + 1, most + 1)
    best = min(sizes, key=lambda size: (last // size - offset // size, size))
    return tuple(PageRequest(page + 1, best) for page in range(offset // best, last // best + 1))


def call_count(window: Window, most: int = MAX_PAGE) -> int:
    """Count the calls that reading `window` costs, including those that find its position.

    If one page holds the whole collection, its last rows cost only that page. In any other case
    the end of the collection is unknown, so the most expensive position is assumed.
    """
    if window.from_end and window.limit:
        return len(plan_pages(0, MAX_PAGE, most)) + _dearest(window.limit, most)
    return len(plan_pages(0 if window.from_end else window.offset, window.limit, most))


@lru_cache(1024)
def _dearest(limit: int, most: int) -> int:
    """Return the most calls for `limit` rows at any offset; the plan repeats every `most` rows."""
    return max(len(plan_pages(offset, limit, most)) for offset in range(most))
