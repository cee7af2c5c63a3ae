"""What questions cost where nothing is remembered: one call each page, client and write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.lists.pagination import call_count
from schema.source.cost import CostEstimate, EntitiesRequest, ListRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from schema.source.cost import SourceRequest
    from schema.source.records import Window


def uncached_cost(need: SourceRequest, price: Callable[[Window], int] = call_count) -> CostEstimate:
    """What a need costs as long as nothing fails.

    At most: with a detail read for each row, or for the client a write answered with too
    little, as every field but `id` may turn out to be missing. A write that is refused for its
    version is followed by one read of the client as it now is.
    """
    beyond = bool(need.fields - {"id"})
    if isinstance(need, ListRequest):
        direct = price(need.window)
        details = need.window.limit if beyond else 0
        return CostEstimate(1 if need.window.from_end else direct, direct, direct + details, direct)
    if isinstance(need, EntitiesRequest):
        count = len(need.ids)
        return CostEstimate(count, count, count, count)
    return CostEstimate(1, 1, 2, 1)
