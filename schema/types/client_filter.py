"""The filter of clients: the input, and the criteria that it means."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

import strawberry
from strawberry import UNSET

from schema.source.errors import InvalidInput
from schema.source.records import ClientFilter, client_id
from schema.source.search import Criteria, Span
from schema.types.enums import ClientStatus, ClientType
from schema.types.scalars import Timestamp, moment

MAX_FILTERS = 50
"""Largest number of filters within one, itself included."""
MAX_VALUES = 1_000
"""Largest number of values in one list of a filter."""


def _optional(description: str, name: str | None = None) -> Any:
    return strawberry.field(default=UNSET, description=description, name=name)


@strawberry.input(
    name="ClientFloatRange", description="Numbers from `min` to `max`, both included."
)
class FloatRange:
    min: float | None = _optional("The smallest number; open if left out.")
    max: float | None = _optional("The largest number; open if left out.")


@strawberry.input(
    name="ClientDateTimeRange", description="Instants at or after `from` and before `until`."
)
class DateTimeRange:
    from_: Timestamp | None = _optional("The first instant; open if left out.", "from")
    until: Timestamp | None = _optional("The instant after the last; open if left out.")


@strawberry.input(
    name="ClientFilter",
    description=(
        "A filter of clients: all fields that are set must match. A value that is null matches no"
        " condition on it. With more than `clientType` and `status`, or with `search`, `orderBy` or"
        " `facets`, the gateway applies it to each client's own values."
    ),
)
class ClientFilterInput:
    client_type: ClientType | None = _optional("Only clients of this type.")
    status: ClientStatus | None = _optional("Only clients with this status.")
    client_type_in: list[ClientType] | None = _optional("Only clients of one of these types.")
    status_in: list[ClientStatus] | None = _optional("Only clients with one of these statuses.")
    ids: list[strawberry.ID] | None = _optional("Only these clients.")
    source: list[str] | None = _optional("Only clients from one of these sources, as written.")
    tags_any: list[str] | None = _optional("Only clients with at least one of these tags.")
    tags_all: list[str] | None = _optional("Only clients with all of these tags.")
    locations_any: list[str] | None = _optional(
        "Only clients with at least one of these among `preferredLocations`."
    )
    pre_approved: bool | None = _optional("Only clients that are, or are not, pre-approved.")
    has_email: bool | None = _optional("Only clients with, or without, an e-mail address.")
    has_phone: bool | None = _optional("Only clients with, or without, a phone number.")
    budget: FloatRange | None = _optional(
        "Only clients whose `budgetMin` to `budgetMax` overlaps this; a missing end is open."
    )
    pre_approval_amount: FloatRange | None = _optional("Only clients with such an amount.")
    created_at: DateTimeRange | None = _optional("Only clients created then.")
    updated_at: DateTimeRange | None = _optional("Only clients last changed then.")
    and_: list["ClientFilterInput"] | None = _optional("All of these match, too.", "and")
    or_: list["ClientFilterInput"] | None = _optional("At least one of these matches.", "or")
    not_: "ClientFilterInput | None" = _optional("This does not match.", "not")


_PLAIN = frozenset(("client_type", "status"))
"""Fields of the filter that the API has itself."""


def _given(filter: Any) -> Iterator[tuple[str, Any]]:
    for name in type(filter).__annotations__:
        value = getattr(filter, name)
        if value is not UNSET and value is not None:
            yield name, value


def is_plain(filter: ClientFilterInput | None) -> bool:
    """Return True if the API has all fields of this filter."""
    return filter is None or all(name in _PLAIN for name, _ in _given(filter))


def known_value(member: ClientType | ClientStatus, name: str) -> str:
    """Return the API's value for an input. Raises `InvalidInput` for UNKNOWN."""
    if member in {ClientType.UNKNOWN, ClientStatus.UNKNOWN}:
        raise InvalidInput(f"`{name}` must be one of the values the API knows, not UNKNOWN.")
    return str(member.value)


def plain_filter(filter: ClientFilterInput | None) -> ClientFilter:
    """Return the API's filter for the fields that it has."""
    if filter is None:
        return ClientFilter()
    return ClientFilter(
        client_type=known_value(filter.client_type, "clientType") if filter.client_type else None,
        status=known_value(filter.status, "status") if filter.status else None,
    )


def criteria_of(filter: ClientFilterInput | None) -> Criteria:
    """Return what a filter means. Raises `InvalidInput`; nothing is sent."""
    if filter is None:
        return Criteria()
    left = [MAX_FILTERS]
    return _criteria(filter, left)


def _criteria(filter: ClientFilterInput, left: list[int]) -> Criteria:
    left[0] -= 1
    if left[0] < 0:
        raise InvalidInput(f"`filter` may hold at most {MAX_FILTERS} filters in all.")
    given = dict(_given(filter))
    groups = [tuple(_criteria(each, left) for each in given["or_"])] if "or_" in given else []
    return Criteria(
        one_of=tuple(_one_of(given)),
        any_within=tuple(
            (field, _strings(given[name], name))
            for name, field in (("tags_any", "tags"), ("locations_any", "preferred_locations"))
            if name in given
        ),
        all_within=(("tags", _strings(given["tags_all"], "tags_all")),)
        if "tags_all" in given
        else (),
        flags=(("pre_approved", given["pre_approved"]),) if "pre_approved" in given else (),
        has_text=tuple(
            (field, given[name])
            for name, field in (("has_email", "email"), ("has_phone", "phone"))
            if name in given
        ),
        amounts=_amounts(given),
        moments=tuple(
            (name, _instants(given[name], name))
            for name in ("created_at", "updated_at")
            if name in given and any(_given(given[name]))
        ),
        budget=_numbers(given["budget"], "budget")
        if any(_given(given.get("budget", _NOTHING)))
        else None,
        all_of=tuple(_criteria(each, left) for each in given.get("and_", ())),
        any_of=tuple(groups),
        none_of=(_criteria(given["not_"], left),) if "not_" in given else (),
    )


_NOTHING = FloatRange()


def _amounts(given: dict[str, Any]) -> tuple[tuple[str, Span], ...]:
    amount = given.get("pre_approval_amount", _NOTHING)
    if not any(_given(amount)):
        return ()
    return (("pre_approval_amount", _numbers(amount, "preApprovalAmount")),)


def _one_of(given: dict[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    for name in ("client_type", "status"):
        if name in given:
            yield name, frozenset((known_value(given[name], _graph(name)),))
        if f"{name}_in" in given:
            members = _bounded(given[f"{name}_in"], f"{name}_in")
            yield name, frozenset(known_value(each, _graph(f"{name}_in")) for each in members)
    if "ids" in given:
        known = map(client_id, _bounded(given["ids"], "ids"))
        yield "id", frozenset(id for id in known if id is not None)
    if "source" in given:
        yield "source", _strings(given["source"], "source")


def _graph(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _bounded(values: list[Any], name: str) -> list[Any]:
    if len(values) > MAX_VALUES:
        raise InvalidInput(
            f"`filter.{_graph(name)}` may hold at most {MAX_VALUES} values, not {len(values)}."
        )
    return values


def _strings(values: list[str], name: str) -> frozenset[str]:
    return frozenset(_bounded(values, name))


def _numbers(range_: FloatRange, name: str) -> Span:
    low, high = range_.min, range_.max
    ends = [end for end in (low, high) if end is not UNSET and end is not None]
    if not all(map(isfinite, ends)):
        raise InvalidInput(f"`filter.{name}` must have finite ends.")
    return _span(low, high, name)


def _instants(range_: DateTimeRange, name: str) -> Span:
    ends = (range_.from_, range_.until)
    first, until = (None if end is UNSET or end is None else moment(end) for end in ends)
    return _span(first, until, _graph(name))._replace(exclusive=True)


def _span(low: Any, high: Any, name: str) -> Span:
    low, high = (None if end is UNSET else end for end in (low, high))
    if low is not None and high is not None and low > high:
        raise InvalidInput(f"`filter.{name}` must not end before it begins.")
    return Span(low, high)


def narrowed(criteria: Criteria) -> ClientFilter:
    """Return the API's filter that lists every client that meets the criteria, and fewer others."""
    wanted: dict[str, frozenset[str]] = {}
    for each in (criteria, *criteria.all_of):
        for field, values in each.one_of:
            wanted[field] = wanted.get(field, values) & values
    only = {
        field: next(iter(values))
        for field in ("client_type", "status")
        if len(values := wanted.get(field, frozenset())) == 1
    }
    return ClientFilter(**only)
