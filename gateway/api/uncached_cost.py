"""The cost of requests without a cache: one call for each page, client and write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.lists.pagination import call_count
from schema.source.cost import CostEstimate, EntitiesRequest, ListRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from schema.source.cost import SourceRequest
    from schema.source.records import Window


def uncached_cost(need: SourceRequest, price: Callable[[Window], int] = call_count) -> CostEstimate:
    """Estimate the cost of a request, provided that no call fails.

    The maximum includes one detail read for each row, and for the client that a write returns,
    because any field but `id` may be missing there. A write that is rejected for its version is
    followed by one read of the client's current state.
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
