"""What a planned operation would cost, and whether that is too much to begin with."""

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
    """A root field, by its key in the answer, and what it costs."""

    key: str
    price: CostEstimate


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an operation would cost now, and why."""

    causes: Sequence[FieldCost]

    @property
    def price(self) -> CostEstimate:
        """Of the whole operation."""
        return sum((cause.price for cause in self.causes), ZERO_COST)

    def to_extension(self) -> dict[str, Any]:
        """As `extensions.upstream` shows it: calls at least, probably and at most."""
        causes = [{"path": [cause.key], **_shown(cause.price)} for cause in self.causes]
        return {"explain": {**_shown(self.price), "causes": causes}}


def _shown(price: CostEstimate) -> dict[str, int]:
    return {"minimum": price.minimum, "expected": price.expected, "maximum": price.maximum}


def explain(planned: ExecutionPlan, source: ClientSource, operation: RequestContext) -> Explanation:
    """The operation priced by what `source` remembers now. Nothing is sent."""
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
    """Why the operation must not begin, None where it may.

    It may make at most `limit` calls by what it asks for, and as many again to complete rows
    that are known to lack what is shown of them. What cannot pass that is not looked at closer.
    """
    most = _upper_bound(planned, source)
    if most <= 1 or most <= (cap := limit()):
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
        f"The operation may cost {cost} calls of the API's window{why}, most of them for"
        f" `{dearest.key}`, and {cap} are allowed: ask for less in one request.",
        extensions={"code": "TOO_EXPENSIVE", "cost": cost, "limit": cap, "field": dearest.key},
    )


def limit_of(
    planned: ExecutionPlan, source: ClientSource, operation: RequestContext, cap: Callable[[], int]
) -> CallLimit:
    """How many calls the operation may send: by its own price, and whatever happens.

    Whatever happens are `cap` calls for what a query asks for, as many to complete rows, and one
    page that may show several clients asked for by id; a write's own are those that it states,
    looking for its outcome included.
    """
    needs = [need for _, need in planned.needs()]
    prices = source.prices(operation, needs)
    estimate = sum(price.maximum for price in prices)
    if planned.writes:
        return CallLimit(estimate, estimate, estimate)
    most = cap()
    details = most if any(isinstance(n, ListRequest) and n.fields - {"id"} for n in needs) else 0
    ids = [id for need in needs if isinstance(need, EntitiesRequest) for id in need.ids]
    named = frozenset(ids)
    return CallLimit(estimate, most + details + (len(named) > 1), details, named)


def _upper_bound(planned: ExecutionPlan, source: ClientSource) -> int:
    """A bound of what the cap counts, found without a look at what is remembered."""
    most = planned.clients
    for _, asked in planned.other_fields:
        if isinstance(asked, ListRequest):
            details = asked.window.limit if source.rows_lack(asked.fields) else 0
            most += max(source.price(asked.window), details)
        else:
            most += 1
    return most
