"""Cost of a planned operation, and the check against the limit before it begins."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLError

from schema.execution.plan import ExecutionPlan
from schema.source.cost import CostEstimate, EntitiesRequest, ListRequest
from schema.source.protocols import ClientSource
from schema.source.request_context import CallLimit, RequestContext
from schema.source.search import SearchRequest


def explain(
    planned: ExecutionPlan, costs: ClientSource, operation: RequestContext
) -> dict[str, Any]:
    """Return `extensions.upstream.explain`: minimum, expected and maximum calls, by root field."""
    prices = prices_by_field(planned, costs, operation)
    causes = [{"path": [key], **_shown(price)} for key, price in prices.items()]
    unit = {} if planned.changes is None else {"per": "change"}
    return {"explain": {**_shown(sum(prices.values(), CostEstimate())), **unit, "causes": causes}}


def _shown(price: CostEstimate) -> dict[str, int]:
    return {"minimum": price.minimum, "expected": price.expected, "maximum": price.maximum}


def prices_by_field(
    planned: ExecutionPlan, costs: ClientSource, operation: RequestContext
) -> dict[str, CostEstimate]:
    """Return the cost of each root field by its response key, given what is cached now.

    Nothing is sent. A change that a subscription delivers costs no call if the client was read
    since.
    """
    if planned.changes is not None:
        each = CostEstimate(expected=1, maximum=1, direct=1)
        return {root.key: each for root, _ in planned.requests}
    needs = planned.needs
    prices = costs.estimate(operation, [need for _, need in needs])
    return {key: price for (key, _), price in zip(needs, prices, strict=True)}


_UNKNOWN = 2**31
"""Bound of the calls of an operation that depends on what is cached."""


def check_cost(
    planned: ExecutionPlan,
    costs: ClientSource,
    operation: RequestContext,
    limit: Callable[[], int],
) -> GraphQLError | None:
    """Return the error that keeps the operation from beginning, None if it may begin.

    The operation may make at most `limit` calls. A list page whose rows are known to lack selected
    fields is not counted. An operation whose upper bound is within the limit is not examined
    further.
    """
    bound = _upper_bound(planned, costs)
    if bound <= 1 or bound <= (cap := limit()):
        return None
    prices = prices_by_field(planned, costs, operation)
    incomplete = any(price.direct and price.details for price in prices.values())
    calls = {key: price.direct + price.details for key, price in prices.items()}
    cost = sum(calls.values()) - incomplete
    if cost <= cap:
        return None
    dearest = max(calls, key=calls.__getitem__)
    details = sum(price.details for price in prices.values())
    advice = prices[dearest].advice or "ask for less in one request"
    why = f", {details} of them to complete rows that lack selected fields" if details else ""
    return GraphQLError(
        f"The operation may cost {cost} calls of the API's window{why}, {calls[dearest]} for"
        f" `{dearest}`, and {cap} are allowed: {advice}.",
        extensions={"code": "TOO_EXPENSIVE", "cost": cost, "limit": cap, "field": dearest},
    )


def call_limit(
    planned: ExecutionPlan, costs: ClientSource, operation: RequestContext, cap: Callable[[], int]
) -> CallLimit:
    """Return how many calls the operation may send: by its own estimate, and at most `cap`.

    A list page is not counted if its rows may have to be completed.
    """
    needs = [need for _, need in planned.needs]
    prices = costs.estimate(operation, needs)
    estimate, bound = sum(price.maximum for price in prices), cap()
    if planned.writes:
        return CallLimit(estimate, bound, bound)
    lists = [
        price
        for need, price in zip(needs, prices, strict=True)
        if isinstance(need, ListRequest) and need.fields - {"id"}
    ]
    page = any(price.direct for price in lists)
    ids = [id for need in needs if isinstance(need, EntitiesRequest) for id in need.ids]
    return CallLimit(estimate, bound + page, bound if lists else 0, frozenset(ids))


def _upper_bound(planned: ExecutionPlan, costs: ClientSource) -> int:
    """Return an upper bound of the counted calls, found without looking into the cache."""
    bound = planned.clients
    for _, request in planned.other_fields:
        if isinstance(request, SearchRequest):
            return _UNKNOWN
        if isinstance(request, ListRequest):
            details = request.window.limit if costs.rows_lack(request.fields) else 0
            bound += costs.page_cost(request.window) + details
        else:
            bound += 1
    return bound
