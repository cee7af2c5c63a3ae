"""Where clients come from: the contract asked of any source, and what passes through it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, NewType, Protocol
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from schema.operation import Lane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schema.failures import Failure
    from schema.needs import Need, Price
    from schema.operation import Operation

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

    def lacks(self, fields: Fields) -> bool:
        """Whether a detail read could tell more about any of `fields` than this record does."""
        if self.complete:
            return False
        return any(
            getattr(self, field) is UNSET and field not in self.malformed for field in fields
        )


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
    """A row that a window was counted from: where it stood then, and whose it is."""

    place: int
    id: str


@dataclass(frozen=True, slots=True)
class Window:
    """`limit` rows (0 to 100) beginning at absolute index `offset`.

    `from_end`: the last `limit` rows instead, `offset` counted back from the end.
    """

    offset: int
    limit: int
    from_end: bool = False
    anchor: Anchor | None = None
    """Where the row stands elsewhere now, the window moves with it, as far as that is known."""
    needed: Window | None = field(default=None, compare=False)
    """The part that was requested, where more is read because it is free; never narrower reads
    than that need be made where the API refuses a page this large."""

    def moved(self, rows: int) -> Window:
        """The window `rows` further down, counted from nothing."""
        return Window(max(0, self.offset + rows), self.limit, self.from_end)


class Page(msgspec.Struct, frozen=True):
    """Rows in the API's order, the first at absolute index `offset`, of `total` in all.

    Covers the window asked for as far as rows exist, and may hold more: what was read along
    the way is never thrown away.
    """

    offset: int
    records: tuple[ClientRecord, ...]
    total: int
    shift: int = 0
    """How many rows further down than it says the window lies: its anchor has moved so far."""
    more: bool = False
    """Whether the list goes on after `total` rows: the API's own count is too low."""


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
class MergedOver:
    """Another writer's version that a change was re-applied on, and what of it was kept."""

    version: int
    changed: Fields
    """Fields of the record in which it differs from the version the writer had read."""


@dataclass(frozen=True, slots=True)
class Written:
    """A write that happened: the client as it now is, and how we know."""

    record: ClientRecord
    confirmed_by: Confirmation = Confirmation.ANSWER
    merged_over: MergedOver | None = None
    replayed: bool = field(default=False, compare=False)
    """Whether this repeats an earlier answer: the client may have changed since."""


class Sending(NamedTuple):
    """From when to when a write was under way, in Unix seconds."""

    began: float
    ended: float


class ClientSource(Protocol):
    """Something that can answer for clients. Every method may raise a `Failure`."""

    async def window(
        self,
        operation: Operation,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        lane: Lane = Lane.INTERACTIVE,
    ) -> Page:
        """The rows of `window` among the caller's clients that match `where`.

        `fields` are those the answer will show; rows may lack some of them (see `lacks`).
        A window of no rows still tells the total.
        """
        ...

    async def fetch(
        self, operation: Operation, ids: Sequence[ClientId], fields: Fields, lane: Lane
    ) -> Sequence[ClientRecord | Failure]:
        """The clients with these distinct ids, in order; a failure stands where one failed.

        A missing client is a `NotFound` in its place. No record returned lacks any of `fields`.
        """
        ...

    async def create(self, operation: Operation, new: NewClient) -> Written:
        """Create a client, at most once."""
        ...

    async def update(self, operation: Operation, id: ClientId, patch: ClientPatch) -> Written:
        """Change a client. Raises `Conflict` when `expected_version` is no longer current."""
        ...

    async def delete(self, operation: Operation, id: ClientId) -> Confirmation:
        """Delete a client, irreversibly."""
        ...

    def price(self, window: Window) -> int:
        """How many calls reading `window` would cost with nothing remembered."""
        ...

    def prices(self, operation: Operation, needs: Sequence[Need]) -> Sequence[Price]:
        """What each of `needs` would cost now, all asked for together; nothing is sent.

        What fails, is repeated or is shared with other operations may cost less or more.
        """
        ...

    def rows_lack(self, fields: Fields) -> bool:
        """Whether list rows were seen to lack any of `fields`."""
        ...
