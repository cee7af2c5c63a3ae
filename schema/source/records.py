"""What passes between the graph and a source of clients: records, windows, pages and writes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, NewType
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

if TYPE_CHECKING:
    from collections.abc import Mapping

_canonical = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch

ClientId = NewType("ClientId", str)
"""A client's UUID in canonical lower-case form; made only by `client_id`."""

MAX_PAGE = 100
"""Rows one list call may carry (API page, List all clients: `limit`, max 100)."""


def client_id(text: str) -> ClientId | None:
    """The canonical id in `text`, or None for what cannot be a client's id (API page: `uuid`)."""
    if _canonical(text):
        return text  # type: ignore[return-value]  # it is one, and asked of every id and row
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    canonical = str(parsed)
    return ClientId(canonical) if text.lower() == canonical else None


class ClientRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One client as the API told it; field names are the API's own.

    The API documents no nullability and trims some answers, so a field is a value, None
    (the API said null) or UNSET (the API did not say). Enumerations stay raw strings here.
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
    """Whether the API was asked for this one client: what is UNSET then does not exist."""

    @property
    def unreadable(self) -> bool:
        """Whether it only stands for a row of the list that is no client of its own."""
        return "id" in self.malformed

    def is_missing(self, fields: Fields) -> bool:
        """Whether a detail read could tell more about any of `fields` than this record does."""
        if self.complete:
            return False
        return any(
            getattr(self, field) is UNSET and field not in self.malformed for field in fields
        )


def placeholder_id(place: int) -> str:
    """What stands for the id of a list's row that has none of its own, by the row's index."""
    return f"!{place}"


Fields = frozenset[str]
"""Names of `ClientRecord` fields."""

FIELDS: Fields = frozenset(ClientRecord.__struct_fields__) - {"malformed", "complete"}
"""The twenty fields of the API's client record."""


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """Which clients, in the API's own values (API page, List all clients: parameters)."""

    client_type: str | None = None
    status: str | None = None


class Anchor(NamedTuple):
    """A row that a window is counted from, as it was when its cursor was made."""

    place: int
    id: str
    total: int = 0
    """Rows of the list then."""
    before: tuple[bytes, ...] = ()
    """Marks of the rows before it, the nearest first (`schema.types.cursors.mark_of`)."""
    after: tuple[bytes, ...] = ()
    """Marks of the rows after it, the nearest first."""


class Bounds(NamedTuple):
    """Absolute indexes between which rows are counted."""

    low: int = 0
    high: int | None = None
    """None for the end of the list."""


@dataclass(frozen=True, slots=True)
class Between:
    """`size` rows between two others, counted from the first of them or, `backwards`, the last.

    The rows they are counted from move, and leave: where they stand is found when it is read.
    """

    size: int
    after: Anchor | None = None
    before: Anchor | None = None
    skip: int = 0
    backwards: bool = False

    @property
    def nominal(self) -> Bounds:
        """The bounds, as long as no row has moved."""
        low = 0 if self.after is None else self.after.place + 1
        return Bounds(low, None if self.before is None else self.before.place)

    def window(self, bounds: Bounds) -> Window:
        """The rows, given where they are counted from."""
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
    """The rows it is counted from, which may stand elsewhere now."""
    needed: Window | None = field(default=None, compare=False)
    """The part that was requested, where more is read because it is free; never narrower reads
    than that need be made where the API refuses a page this large."""

    @classmethod
    def of(cls, between: Between) -> Window:
        """The window that `between` names as long as no row has moved."""
        plain = between.window(between.nominal)
        return cls(plain.offset, plain.limit, between=between)

    @property
    def plain(self) -> Window:
        """The window by its numbers alone."""
        return self if self.between is None else Window(self.offset, self.limit, self.from_end)


class Page(msgspec.Struct, frozen=True, eq=False):
    """Rows in the API's order, the first at absolute index `offset`, of `total` in all.

    Covers the window asked for as far as rows exist, and may hold more: what was read along
    the way is never thrown away.
    """

    offset: int
    records: tuple[ClientRecord, ...]
    total: int
    more: bool = False
    """Whether the list goes on after `total` rows: the API's own count is too low."""
    window: Window | None = None
    """The window that was answered, where the rows it is counted from have moved."""
    bounds: Bounds = Bounds()
    """What that is counted from."""
    beside: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Ids of the rows before and after those of the window, in order, as far as known."""

    def __eq__(self, other: object) -> bool:
        """Compare the rows and counts; where they were found is no part of the answer."""
        if not isinstance(other, Page):
            return NotImplemented
        ours = self.offset, self.records, self.total, self.more
        return ours == (other.offset, other.records, other.total, other.more)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class NewClient:
    """What the API takes to create a client (API page, Create new client: request body)."""

    first_name: str
    last_name: str
    client_type: str
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    idempotency_key: str | None = field(default=None, compare=False, repr=False)
    """The caller's own name for this create: whoever asks again by it means the same client."""


@dataclass(frozen=True, slots=True)
class ClientPatch:
    """What changes on a client. `fields` holds only the fields sent: absent is not null.

    Keys are among email, phone, status (API page, Update client: request body).
    """

    fields: Mapping[str, str | None]
    expected_version: int | None = None
    merge: bool = False
    """Whether to re-apply it on a later version, where what changed since is something else."""
    base: ClientRecord | None = field(default=None, compare=False)
    """The client as it was at `expected_version`, for whoever still knows it."""


class Confirmation(Enum):
    """How we know that a write happened."""

    ANSWER = "ANSWER"
    """The API's answer to it arrived."""
    READBACK = "READBACK"
    """Its answer was lost; reading afterwards showed it done."""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """Another writer's version that a change was re-applied on, and what of it was kept."""

    version: int
    changed: Fields
    """Fields of the record in which it differs from the version the writer had read."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """A write that happened: the client as it now is, and how we know."""

    record: ClientRecord
    confirmed_by: Confirmation = Confirmation.ANSWER
    merged_over: MergeResult | None = None
    replayed: bool = field(default=False, compare=False)
    """Whether this repeats an earlier answer: the client may have changed since."""


class SendInterval(NamedTuple):
    """From when to when a write was under way, in Unix seconds."""

    began: float
    ended: float
