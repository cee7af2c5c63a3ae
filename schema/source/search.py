"""A request for clients that match, in an order: what is searched, filtered, sorted and counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol
from zlib import crc32

from schema.source.cost import ListRequest
from schema.source.records import Fields

RELEVANCE = "relevance"
"""Sorts by how well a client matches the search, the best first when ascending."""
FULL_NAME = "full_name"
"""Sorts by given and family name together."""
_AMOUNTS = frozenset(("budget_min", "budget_max", "pre_approval_amount"))
_SORTED_BY: dict[str, Fields] = {
    RELEVANCE: frozenset(),
    FULL_NAME: frozenset(("first_name", "last_name")),
}
"""Record fields of the sort keys that are no field of a record themselves."""


class SearchIn(Enum):
    """A part of a client that a search looks into; values are the record's fields."""

    NAME = ("first_name", "last_name")
    EMAIL = ("email",)
    PHONE = ("phone",)
    TAGS = ("tags",)
    NOTES = ("notes",)


BY_DEFAULT = frozenset((SearchIn.NAME, SearchIn.EMAIL, SearchIn.PHONE, SearchIn.TAGS))
"""What is searched unless a request says otherwise: not the notes."""


class Span(NamedTuple):
    """The values from `low` to `high`; None where it is open."""

    low: Any
    high: Any
    exclusive: bool = False
    """Whether `high` itself is outside."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Conditions on a record's own values, each with its record field; all of them must be met."""

    one_of: tuple[tuple[str, frozenset[str]], ...] = ()
    """The field has one of these values."""
    any_within: tuple[tuple[str, frozenset[str]], ...] = ()
    """The field's list has at least one of these."""
    all_within: tuple[tuple[str, frozenset[str]], ...] = ()
    """The field's list has all of these."""
    flags: tuple[tuple[str, bool], ...] = ()
    has_text: tuple[tuple[str, bool], ...] = ()
    """The field has a text that is not blank, or has none."""
    amounts: tuple[tuple[str, Span], ...] = ()
    moments: tuple[tuple[str, Span], ...] = ()
    budget: Span | None = None
    """The budget from `budget_min` to `budget_max` overlaps this."""
    all_of: "tuple[Criteria, ...]" = ()
    any_of: "tuple[tuple[Criteria, ...], ...]" = ()
    """At least one of each group is met."""
    none_of: "tuple[Criteria, ...]" = ()

    @property
    def fields(self) -> Fields:
        """Return the record fields that the criteria are about."""
        own = (self.one_of, self.any_within, self.all_within, self.flags)
        also = (self.has_text, self.amounts, self.moments)
        names = {field for group in (*own, *also) for field, _ in group}
        names |= {"budget_min", "budget_max"} if self.budget is not None else set()
        below = (*self.all_of, *self.none_of, *(each for group in self.any_of for each in group))
        return frozenset(names).union(*(each.fields for each in below))


class SortKey(NamedTuple):
    """One key of an order: a record field, `FULL_NAME` or `RELEVANCE`. Nulls are last."""

    by: str
    descending: bool = False

    @property
    def fields(self) -> Fields:
        """Return the record fields that it is made of."""
        return _SORTED_BY.get(self.by, frozenset((self.by,)))

    @property
    def kind(self) -> type[str | float | int]:
        """Return the type of its values."""
        return float if self.by in _AMOUNTS else int if self.by == RELEVANCE else str


@dataclass(frozen=True, slots=True)
class Question:
    """What decides which clients match, and their order; the API's own order without `order`."""

    criteria: Criteria = Criteria()
    search: str = ""
    within: frozenset[SearchIn] | None = None
    """What is searched; None for `BY_DEFAULT`, as far as list rows have it."""
    order: tuple[SortKey, ...] = ()

    @property
    def fields(self) -> Fields:
        """Return the record fields that must be known of every client."""
        searched = (frozenset(part.value) for part in self.within or ())
        return self.criteria.fields.union(*searched, *(key.fields for key in self.order))

    @property
    def fingerprint(self) -> bytes:
        """Return what identifies the order, for cursors; relevance depends on the search."""
        names = [f"{key.by} {key.descending}" for key in self.order]
        if any(key.by == RELEVANCE for key in self.order):
            names.append(self.search)
        return crc32("\n".join(names).encode(errors="replace")).to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class SearchRequest(ListRequest):
    """A window of the clients that match. `where` is the part that the API can filter by."""

    question: Question = Question()
    needs: Fields = frozenset()
    """Record fields that must be known of every client to answer."""


class ValueCount(NamedTuple):
    """A value, and how many of the matching clients have it."""

    value: str | None
    number: int


class Statistics(NamedTuple):
    """Statistics of the numbers of the matching clients that have one."""

    number: int
    least: float | None = None
    most: float | None = None
    average: float | None = None
    median: float | None = None


class FacetCounts(Protocol):
    """Counts over all clients that match; the most frequent value is first."""

    def values(self, field: str) -> Sequence[ValueCount]:
        """Return the values of a record field; None counts clients without a value."""

    def labels(self, field: str) -> Sequence[ValueCount]:
        """Return the values in the lists of a record field, each once for each client."""

    def budget(self) -> Statistics:
        """Return the statistics of the budgets."""
