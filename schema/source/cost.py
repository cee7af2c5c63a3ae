"""Requests of an operation to its source, and their cost."""

from dataclasses import dataclass
from typing import Literal

from schema.source.records import ClientFilter, ClientId, Fields, Window
from schema.source.request_context import Priority


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A window of the list, with the fields selected on its rows."""

    where: ClientFilter
    window: Window
    fields: Fields


@dataclass(frozen=True, slots=True)
class EntitiesRequest:
    """Clients by their ids, with the fields selected on them."""

    ids: tuple[ClientId, ...]
    fields: Fields
    priority: Priority


Kind = Literal["create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """One write, with the fields selected on the resulting client."""

    kind: Kind
    fields: Fields


SourceRequest = ListRequest | EntitiesRequest | WriteRequest


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Calls of the API's window, without repeated attempts.

    `maximum` holds even if every row lacks selected fields. `direct`: upper bound for the reads
    themselves. `details`: expected detail reads for list rows known to be incomplete. The cost
    limit applies to each of these two.
    """

    minimum: int = 0
    expected: int = 0
    maximum: int = 0
    direct: int = 0
    details: int = 0
    advice: str = ""
    """What would cost less, if that is known."""

    def __add__(self, other: "CostEstimate") -> "CostEstimate":
        return CostEstimate(
            self.minimum + other.minimum,
            self.expected + other.expected,
            self.maximum + other.maximum,
            self.direct + other.direct,
            self.details + other.details,
            self.advice or other.advice,
        )
