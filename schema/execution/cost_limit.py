"""Cost of a planned operation, and the check against the limit before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from schema.source.cost import ZERO_COST, CostEstimate, EntitiesRequest, ListRequest
from schema.source.request_context import CallLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from schema.execution.plan import ExecutionPlan
    from schema.source.protocols import ClientSource
    from schema.source.request_context import RequestContext


@dataclass(frozen=True, slots=True)
class FieldCost:
    """A root field, by its response key, and its cost."""

    key: str
    price: CostEstimate


@dataclass(frozen=True, slots=True)
class Explanation:
    """The cost of an operation now, by root field."""

    causes: Sequence[FieldCost]

    @property
    def price(self) -> CostEstimate:
        """Return the cost of the whole operation."""
        return sum((cause.price for cause in self.causes), ZERO_COST)

    def to_extension(self) -> dict[str, Any]:
        """Return `extensions.upstream.explain`: minimum, expected and maximum calls."""
        causes = [{"path": [cause.key], **_shown(cause.price)} for cause in self.causes]
        return {"explain": {**_shown(self.price), "causes": causes}}


def _shown(price: CostEstimate) -> dict[str, int]:
    return {"minimum": price.minimum, "expected": price.expected, "maximum": price.maximum}


def explain(planned: ExecutionPlan, source: ClientSource, operation: RequestContext) -> Explanation:
    """Return the operation's cost, given what `source` holds now. Nothing is sent."""
    needs = planned.needs()
    prices = source.prices(operation, [need for _, need in needs])
    return Explanation(
        [FieldCost(key, price) for (key, _), price in zip(needs, prices, strict=True)]
    )


def check_cost(
    planned: ExecutionPlan,
    source: ClientSource,
    operation: RequestContext,
    limit: Callable[[], int],
) -> GraphQLError | None:
    """Return the error that keeps the operation from beginning, None if it may begin.

    The operation may make at most `limit` calls for its own reads, and as many again to complete
    rows that are known to lack selected fields. An operation whose upper bound is within the limit
    is not examined further.
    """
    bound = _upper_bound(planned, source)
    if bound <= 1 or bound <= (cap := limit()):
        return None
    explanation = explain(planned, source, operation)
    price = explanation.price
    if price.direct <= cap and price.details <= cap:
        return None
    direct = price.direct > cap
    cost = price.direct if direct else price.details
    dearest = max(
        explanation.causes,
        key=lambda cause: cause.price.direct if direct else cause.price.details,
    )
    why = "" if direct else " to complete rows that lack what is shown of them"
    return GraphQLError(
        f"The operation may cost {cost} calls of the API's window{why}, bound of them for"
        f" `{dearest.key}`, and {cap} are allowed: ask for less in one request.",
        extensions={"code": "TOO_EXPENSIVE", "cost": cost, "limit": cap, "field": dearest.key},
    )


def call_limit(
    planned: ExecutionPlan, source: ClientSource, operation: RequestContext, cap: Callable[[], int]
) -> CallLimit:
    """Return how many calls the operation may send: by its own estimate, and at most.

    A query may send at most `cap` calls for its own reads, as many to complete rows, and one for a
    list page that may show several of the clients looked up by id. A write may send the calls that
    it states, including those that look for its outcome.
    """
    needs = [need for _, need in planned.needs()]
    prices = source.prices(operation, needs)
    estimate = sum(price.maximum for price in prices)
    if planned.writes:
        return CallLimit(estimate, estimate, estimate)
    bound = cap()
    details = bound if any(isinstance(n, ListRequest) and n.fields - {"id"} for n in needs) else 0
    ids = [id for need in needs if isinstance(need, EntitiesRequest) for id in need.ids]
    named = frozenset(ids)
    return CallLimit(estimate, bound + details + (len(named) > 1), details, named)


def _upper_bound(planned: ExecutionPlan, source: ClientSource) -> int:
    """Return an upper bound of the counted calls, found without looking into the cache."""
    bound = planned.clients
    for _, request in planned.other_fields:
        if isinstance(request, ListRequest):
            details = request.window.limit if source.rows_lack(request.fields) else 0
            bound += max(source.price(request.window), details)
        else:
            bound += 1
    return bound
