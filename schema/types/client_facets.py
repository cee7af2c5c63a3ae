"""Counts over all clients that match, whatever page of them is selected."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import strawberry

from schema.source.errors import InvalidInput
from schema.source.search import FacetCounts
from schema.types.client import FREE
from schema.types.enums import ClientStatus, ClientType, client_status_of, client_type_of
from schema.types.page_arguments import about
from schema.types.record_fields import computed

M = TypeVar("M", ClientStatus, ClientType)

MAX_TAGS = 100
"""Largest number of tags that are counted in one answer."""
DEFAULT_TAGS = 20
BY_ARGUMENTS = "by arguments"
"""Metadata of a field with arguments: the function of its parent object and its arguments."""

_HOW_MANY = "Number of matching clients."


@strawberry.type(description="A status and how many clients have it.", directives=[FREE])
class ClientStatusCount:
    value: ClientStatus = strawberry.field(description="The status.")
    count: int = strawberry.field(description=_HOW_MANY)


@strawberry.type(description="A type of client and how many are of it.", directives=[FREE])
class ClientTypeCount:
    value: ClientType = strawberry.field(description="The type.")
    count: int = strawberry.field(description=_HOW_MANY)


@strawberry.federation.type(
    shareable=True, description="A text and how many have it.", directives=[FREE]
)
class StringCount:
    value: str | None = strawberry.field(description="The text; null counts those without one.")
    count: int = strawberry.field(description="Number of matches.")


@strawberry.federation.type(shareable=True, description="Statistics of numbers.", directives=[FREE])
class FloatStatistics:
    count: int = strawberry.field(description="How many have one.")
    min: float | None = strawberry.field(description="The smallest.")
    max: float | None = strawberry.field(description="The largest.")
    average: float | None = strawberry.field(description="The arithmetic mean.")
    median: float | None = strawberry.field(description="The middle one, or the mean of both.")


def _of(root: Any) -> FacetCounts:
    return cast("FacetCounts", root.counts)


def _statuses(root: Any) -> list[ClientStatusCount]:
    counts = _by_member(root, "status", client_status_of)
    return [ClientStatusCount(value=member, count=count) for member, count in counts]


def _types(root: Any) -> list[ClientTypeCount]:
    counts = _by_member(root, "client_type", client_type_of)
    return [ClientTypeCount(value=member, count=count) for member, count in counts]


def _by_member(root: Any, field: str, member_of: Callable[[str], M]) -> list[tuple[M, int]]:
    """Return counts by member: values that the API added later are counted as UNKNOWN together."""
    found: dict[M, int] = {}
    for raw, times in _of(root).values(field):
        if raw is not None:
            member = member_of(raw)
            found[member] = found.get(member, 0) + times
    return sorted(found.items(), key=lambda item: -item[1])


def _sources(root: Any) -> list[StringCount]:
    return [StringCount(value=value, count=count) for value, count in _of(root).values("source")]


def _budget(root: Any) -> FloatStatistics:
    count, least, most, average, median = _of(root).budget()
    return FloatStatistics(count=count, min=least, max=most, average=average, median=median)


def tag_counts(root: Any, first: int | None = DEFAULT_TAGS) -> list[StringCount]:
    """Return the most frequent tags. Raises `InvalidInput` for a wrong number."""
    counts = _of(root).labels("tags")[: check_tags(first)]
    return [StringCount(value=value, count=count) for value, count in counts]


def check_tags(first: int | None = DEFAULT_TAGS) -> int:
    """Return how many tags to count. Raises `InvalidInput`."""
    if first is None:
        return DEFAULT_TAGS
    if not 0 <= first <= MAX_TAGS:
        raise InvalidInput(f"`facets.tags.first` must be between 0 and {MAX_TAGS}, not {first}.")
    return first


@strawberry.type(
    description=(
        "Counts over all clients that match, not only those of the page; the most frequent value is"
        " first."
    ),
    directives=[FREE],
)
class ClientFacets:
    counts: strawberry.Private[Any]
    variables: strawberry.Private[Any] = None
    """The variables of the operation, for arguments in compiled operations."""

    status: list[ClientStatusCount] = computed(
        _statuses, "By status; clients without one are not counted."
    )
    client_type: list[ClientTypeCount] = computed(
        _types, "By type; clients without one are not counted."
    )
    source: list[StringCount] = computed(_sources, "By source.")

    @strawberry.field(
        description="By tag, each once for each client.", metadata={BY_ARGUMENTS: tag_counts}
    )
    def tags(
        self,
        first: Annotated[int | None, about("Number of tags, 0 to 100.")] = DEFAULT_TAGS,
    ) -> list[StringCount]:
        """Return the most frequent tags."""
        return tag_counts(self, first)

    budget: FloatStatistics = computed(
        _budget,
        "Of clients with a budget: `min` and `max` are the ends of all budgets, `average` and"
        " `median` are of the middle of each.",
    )


FACET_FIELDS = {
    "status": frozenset(("status",)),
    "clientType": frozenset(("client_type",)),
    "source": frozenset(("source",)),
    "tags": frozenset(("tags",)),
    "budget": frozenset(("budget_min", "budget_max")),
}
"""Record fields behind each facet, by its graph name."""
