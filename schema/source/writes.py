"""The values of writes: what is sent, and what is known of the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from schema.source.records import ClientRecord, Fields


@dataclass(frozen=True, slots=True)
class NewClient:
    """The input of a create (API page, Create new client: request body)."""

    first_name: str
    last_name: str
    client_type: str
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    idempotency_key: str | None = field(default=None, compare=False, repr=False)
    """The caller's key for this create: a create with the same key means the same client."""

    @property
    def fields(self) -> dict[str, str | None]:
        """Return the fields to send, without those that the caller left out."""
        optional = {"email": self.email, "phone": self.phone}
        return {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "client_type": self.client_type,
            **{name: value for name, value in optional.items() if not isinstance(value, UnsetType)},
        }


@dataclass(frozen=True, slots=True)
class ClientPatch:
    """What changes on a client. `fields` holds only the fields sent: absent is not null.

    Keys are among email, phone, status (API page, Update client: request body).
    """

    fields: Mapping[str, str | None]
    expected_version: int | None = None
    merge: bool = False
    """Whether to apply it to a later version, if that one changed other fields."""
    base: ClientRecord | None = field(default=None, compare=False)
    """The client as it was at `expected_version`, if that version is still cached."""


class Confirmation(Enum):
    """The evidence that a write happened."""

    ANSWER = "ANSWER"
    """The API's response to it arrived."""
    READBACK = "READBACK"
    """Its response was lost; a later read showed the write."""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """Another writer's version that a change was applied to, and the fields kept from it."""

    version: int
    changed: Fields
    """Fields of the record in which it differs from the version the writer had read."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """A write that happened: the client after it, and the evidence."""

    record: ClientRecord
    confirmed_by: Confirmation = Confirmation.ANSWER
    merged_over: MergeResult | None = None
    replayed: bool = field(default=False, compare=False)
    """Whether this repeats an earlier result: the client may have changed since."""


class SendInterval(NamedTuple):
    """The time during which a write was under way, in Unix seconds."""

    began: float
    ended: float


class ClockSkew(NamedTuple):
    """Bounds, in seconds, on how far the API's clock is ahead of ours."""

    least: float
    most: float


ASSUMED_SKEW = ClockSkew(-2.0, 2.0)
"""The bounds before the first measurement: both clocks are assumed to be synchronised."""
