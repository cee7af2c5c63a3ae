"""What to ask so that a window can be told: never dearer than its missing part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cache.filters import decidable
from gateway.cache.keys import ListKey
from gateway.cache.listed import EVERYONE
from gateway.cache.rows import blocks
from schema.source import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.cache.freshness import Policy
    from gateway.cache.listed import Listed

Read = tuple[ListKey, Window]
"""One question to the source."""


class Plan:
    """Plans reads by `price`, in calls, and by what is already `listed`."""

    def __init__(self, listed: Listed, policy: Policy, price: Callable[[Window], int]) -> None:
        self._listed = listed
        self._policy = policy
        self._of = price

    def price(self, reads: Sequence[Read]) -> int:
        """What these reads cost together, in calls."""
        return sum(self._of(window) for _, window in reads)

    def reads(self, key: ListKey, window: Window, oldest: float) -> list[Read]:
        """What to ask so that `window` can be told, at the price of its missing part or less."""
        reads = self._partial(key, window, oldest)
        price = self.price(reads)
        every = ListKey(key.partition, EVERYONE)
        wholes = [every, key] if decidable(key.where, self._policy.type_filter) else [key]
        for whole in wholes:
            rows = self._listed.rows(whole)
            if rows is None or not 0 < rows.total <= self._policy.whole_collection_rows:
                continue
            pages = [(whole, page) for page in self._listed.unread(whole, oldest)]
            if pages and self.price(pages) <= price:
                return pages
        return reads

    def _partial(self, key: ListKey, window: Window, oldest: float) -> list[Read]:
        """The missing rows from first to last; as full pages where those cost no more."""
        rows = self._listed.rows(key)
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
        pages = [(key, page) for page in blocks(range(start, stop))]
        return pages if pages and self.price(pages) <= self.price(asked) else asked
