"""The values passed between the graph and a source: records, windows and pages."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NewType
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

_canonical = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch

ClientId = NewType("ClientId", str)
"""A client's UUID in canonical lower-case form; made only by `client_id`."""

MAX_PAGE = 100
"""Largest number of rows of one list call (API page, List all clients: `limit`, max 100)."""


def client_id(text: str) -> ClientId | None:
    """Return the canonical id in `text`, or None for no client's id (API page: `uuid`)."""
    if _canonical(text):
        return text  # type: ignore[return-value]  # it is one; a call for each id and row would cost time
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    canonical = str(parsed)
    return ClientId(canonical) if text.lower() == canonical else None


class ClientRecord(msgspec.Struct, frozen=True):
    """One client as the API returned it; field names are the API's own.

    The API documents no nullability and trims some responses, so a field is a value, None (the API
    sent null) or UNSET (the API did not send the field). Enumerations are raw strings here.
    """

    id: str
    user_id: str | UnsetType | None = UNSET
    first_name: str | UnsetType | None = UNSET
    last_name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    client_type: str | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET
    budget_min: int | float | str | UnsetType | None = UNSET
    budget_max: int | float | str | UnsetType | None = UNSET
    preferred_locations: tuple[str, ...] | UnsetType | None = UNSET
    property_preferences: dict[str, Any] | UnsetType | None = UNSET
    pre_approved: bool | UnsetType | None = UNSET
    pre_approval_amount: int | float | str | UnsetType | None = UNSET
    notes: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType | None = UNSET
    version: int | UnsetType | None = UNSET
    created_at: str | UnsetType | None = UNSET
    updated_at: str | UnsetType | None = UNSET

    malformed: frozenset[str] = msgspec.field(default=frozenset(), name="(malformed)")
    """Fields that arrived with a type the API page does not allow; their value stays UNSET."""
    complete: bool = msgspec.field(default=False, name="(complete)")
    """Whether it is a detail read: a field that is UNSET then does not exist."""

    @property
    def unreadable(self) -> bool:
        """Return True if it only stands for a list row that is not a client of its own."""
        return "id" in self.malformed

    def is_missing(self, fields: "Fields") -> bool:
        """Return True if a detail read could return more of `fields` than this record has."""
        if self.complete:
            return False
        return any(
            getattr(self, field) is UNSET and field not in self.malformed for field in fields
        )


def placeholder_id(place: int) -> str:
    """Return the replacement for the id of a list row without one, by the row's index."""
    return f"!{place}"


Fields = frozenset[str]
"""Names of `ClientRecord` fields."""

FIELDS: Fields = frozenset(ClientRecord.__struct_fields__) - {"malformed", "complete"}
"""The twenty fields of the API's client record."""


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """A filter of the list, in the API's own values (API page, List all clients: parameters)."""

    client_type: str | None = None
    status: str | None = None


class Anchor(NamedTuple):
    """A row that a window is counted from, as it was when its cursor was created."""

    place: int
    id: str
    total: int = 0
    """Rows of the list at that time."""
    before: tuple[bytes, ...] = ()
    """Marks of the rows before it, the nearest first (`schema.types.cursors.mark_of`)."""
    after: tuple[bytes, ...] = ()
    """Marks of the rows after it, the nearest first."""
    values: tuple[str | float | None, ...] | None = None
    """The values that it was sorted by, in a sorted list; its other parts mean nothing there."""


class Bounds(NamedTuple):
    """Absolute indexes that delimit a window's rows."""

    low: int = 0
    high: int | None = None
    """None for the end of the list."""


@dataclass(frozen=True, slots=True)
class Between:
    """`size` rows between two others, counted from the first of them or, `backwards`, the last.

    Those rows may move or leave the list: their index is determined at each read.
    """

    size: int
    after: Anchor | None = None
    before: Anchor | None = None
    skip: int = 0
    backwards: bool = False

    @property
    def nominal(self) -> Bounds:
        """Return the bounds for rows that have not moved."""
        low = 0 if self.after is None else self.after.place + 1
        return Bounds(low, None if self.before is None else self.before.place)

    def window(self, bounds: Bounds) -> "Window":
        """Return the window within these bounds."""
        low, high = bounds
        if self.backwards and high is not None:
            begin = max(low, high - self.size)
            return Window(begin, max(0, high - begin))
        begin = low + self.skip
        size = self.size if high is None else max(0, min(self.size, high - begin))
        return Window(begin, size)


@dataclass(frozen=True, slots=True)
class Window:
    """`limit` rows (0 to 100) beginning at absolute index `offset`.

    `from_end`: the last `limit` rows instead, `offset` counted back from the end.
    """

    offset: int
    limit: int
    from_end: bool = False
    between: Between | None = None
    """The rows that it is counted from, which may have moved."""
    needed: "Window | None" = field(default=None, compare=False)
    """The requested part, if more is read because it is free.

    If the API rejects a page this large, no narrower page than that part needs to be read.
    """

    @classmethod
    def of(cls, between: Between) -> "Window":
        """Return the window that `between` describes for rows that have not moved."""
        plain = between.window(between.nominal)
        return cls(plain.offset, plain.limit, between=between)

    @property
    def plain(self) -> "Window":
        """Return the window by its numbers alone."""
        return self if self.between is None else Window(self.offset, self.limit, self.from_end)


class PageSort(NamedTuple):
    """How the list of a page is sorted, if it is not in the API's order."""

    fingerprint: bytes
    """Identifies the order: a cursor is of one order."""
    values: Callable[[ClientRecord], tuple[str | float | None, ...]]
    """Returns the values that a client is sorted by."""


class Page(msgspec.Struct, frozen=True, eq=False):
    """Rows in the API's order, the first at absolute index `offset`, of `total` in all.

    The page covers the requested window as far as rows exist, and may hold more rows that were read
    with it.
    """

    offset: int
    records: tuple[ClientRecord, ...]
    total: int
    more: bool = False
    """Whether the list has more than `total` rows: the API's own count is too low."""
    window: Window | None = None
    """The window that the page covers, if the rows that it is counted from have moved."""
    bounds: Bounds = Bounds()
    """The bounds that the window is counted from."""
    beside: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Ids of the rows before and after those of the window, in order, as far as known."""
    sort: PageSort | None = None
    facets: Any = None
    """The `FacetCounts` of all clients that match, if they were requested."""

    def __eq__(self, other: object) -> bool:
        """Compare rows and counts; the window and its bounds are not compared."""
        if not isinstance(other, Page):
            return NotImplemented
        ours = self.offset, self.records, self.total, self.more
        return ours == (other.offset, other.records, other.total, other.more)

    __hash__ = None  # type: ignore[assignment]
