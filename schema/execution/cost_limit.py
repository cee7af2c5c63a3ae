"""Cost of a planned operation, and the check against the limit before it begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError

from schema.execution.plan import ExecutionPlan
from schema.source.cost import ZERO_COST, CostEstimate, EntitiesRequest, ListRequest
from schema.source.protocols import ClientSource
from schema.source.request_context import CallLimit, RequestContext
from schema.source.search import SearchRequest


@dataclass(frozen=True, slots=True)
class FieldCost:
    """A root field, by its response key, and its cost."""

    key: str
    price: CostEstimate


@dataclass(frozen=True, slots=True)
class Explanation:
    """The cost of an operation now, by root field."""

    causes: Sequence[FieldCost]
    per_change: bool = False
    """Whether it is the cost of each change that a subscription delivers."""

    @property
    def price(self) -> CostEstimate:
        """Return the cost of the whole operation."""
        return sum((cause.price for cause in self.causes), ZERO_COST)

    def to_extension(self) -> dict[str, Any]:
        """Return `extensions.upstream.explain`: minimum, expected and maximum calls."""
        causes = [{"path": [cause.key], **_shown(cause.price)} for cause in self.causes]
        unit = {"per": "change"} if self.per_change else {}
        return {"explain": {**_shown(self.price), **unit, "causes": causes}}


def _shown(price: CostEstimate) -> dict[str, int]:
    return {"minimum": price.minimum, "expected": price.expected, "maximum": price.maximum}


def explain(planned: ExecutionPlan, costs: ClientSource, operation: RequestContext) -> Explanation:
    """Return the operation's cost, given what is cached now. Nothing is sent.

    A change that a subscription delivers costs no call if the client was read since.
    """
    if planned.changes is not None:
        price = CostEstimate(expected=1, maximum=1, direct=1)
        return Explanation(
            [FieldCost(root.key, price) for root, _ in planned.requests], per_change=True
        )
    needs = planned.needs()
    prices = costs.estimate(operation, [need for _, need in needs])
    return Explanation(
        [FieldCost(key, price) for (key, _), price in zip(needs, prices, strict=True)]
    )


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
    causes = explain(planned, costs, operation).causes
    incomplete = any(cause.price.direct and cause.price.details for cause in causes)
    cost = sum(map(_calls, causes)) - incomplete
    if cost <= cap:
        return None
    dearest = max(causes, key=_calls)
    details = sum(cause.price.details for cause in causes)
    advice = dearest.price.advice or "ask for less in one request"
    why = f", {details} of them to complete rows that lack selected fields" if details else ""
    return GraphQLError(
        f"The operation may cost {cost} calls of the API's window{why}, {_calls(dearest)} for"
        f" `{dearest.key}`, and {cap} are allowed: {advice}.",
        extensions={"code": "TOO_EXPENSIVE", "cost": cost, "limit": cap, "field": dearest.key},
    )


def _calls(cause: FieldCost) -> int:
    return cause.price.direct + cause.price.details


def call_limit(
    planned: ExecutionPlan, costs: ClientSource, operation: RequestContext, cap: Callable[[], int]
) -> CallLimit:
    """Return how many calls the operation may send: by its own estimate, and at most `cap`.

    A list page is not counted if its rows may have to be completed.
    """
    needs = [need for _, need in planned.needs()]
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
