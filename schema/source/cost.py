"""What an operation needs of its source, and what that may cost: the source prices it unasked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from schema.source.records import ClientFilter, ClientId, Fields, Window
    from schema.source.request_context import Priority


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A window of the list, of whose rows `fields` will be shown."""

    where: ClientFilter
    window: Window
    fields: Fields


@dataclass(frozen=True, slots=True)
class EntitiesRequest:
    """Clients by their ids, of whom `fields` will be shown."""

    ids: tuple[ClientId, ...]
    fields: Fields
    lane: Priority


Kind = Literal["create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """One write, and `fields` shown of the client it leaves."""

    kind: Kind
    fields: Fields


SourceRequest = ListRequest | EntitiesRequest | WriteRequest


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Calls of the API's window, repeated attempts not counted.

    `maximum` holds even where every row turns out to lack what is shown of it. `direct` is the
    most that the question itself can cost, `details` what completing its rows will, as far as
    rows were seen to be trimmed: these two are what an operation is refused for.
    """

    minimum: int = 0
    expected: int = 0
    maximum: int = 0
    direct: int = 0
    details: int = 0

    def __add__(self, other: CostEstimate) -> CostEstimate:
        return CostEstimate(
            self.minimum + other.minimum,
            self.expected + other.expected,
            self.maximum + other.maximum,
            self.direct + other.direct,
            self.details + other.details,
        )


ZERO_COST = CostEstimate()
