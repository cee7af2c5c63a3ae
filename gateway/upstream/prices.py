"""What questions cost where nothing is remembered: one call each page, client and write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.upstream.pages import price
from schema.needs import ClientsNeed, Price, RowsNeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from schema.needs import Need
    from schema.source import Window


def static(need: Need, price: Callable[[Window], int] = price) -> Price:
    """What a need costs as long as nothing fails.

    At most: with a detail read for each row, or for the client a write answered with too
    little, as every field but `id` may turn out to be missing. A write that is refused for its
    version is followed by one read of the client as it now is.
    """
    beyond = bool(need.fields - {"id"})
    if isinstance(need, RowsNeed):
        direct = price(need.window)
        details = need.window.limit if beyond else 0
        return Price(1 if need.window.from_end else direct, direct, direct + details, direct)
    if isinstance(need, ClientsNeed):
        count = len(need.ids)
        return Price(count, count, count, count)
    return Price(1, 1, 2, 1)
