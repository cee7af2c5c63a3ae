"""The graph's client, read from a record field by field."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import strawberry
from strawberry.federation.schema_directives import Cost, Key, Tag
from strawberry.utils.str_converters import to_camel_case

from schema.source.records import ClientRecord, Fields
from schema.strawberry_internals import object_definition
from schema.types.enums import ClientStatus, ClientType, client_status_of, client_type_of
from schema.types.record_fields import RecordField, computed, malformed, record_field
from schema.types.scalars import Timestamp, digits, instant, integer, number, strings

FREE = Cost(weight=0)
"""An object that comes with a call: routers that count objects count it as zero."""
CALL = Cost(weight=1)
"""A field that costs one call of the API's window, for routers that bound costs."""
PERSONAL = Tag(name="personal")
"""For contracts: contact data of a client and notes about it."""


@strawberry.interface(description="An object with an id that is unique across types.")
class Node:
    """Relay's Node, over raw UUIDs: the id is the one other systems already hold."""

    id: strawberry.ID = strawberry.field(description="The API's own UUID.")


def _preference(key: str, read: Callable[[object], Any], description: str) -> Any:
    def make(preferences: Any) -> Any:
        value = preferences.of.get(key)
        try:
            return None if value is None else read(value)
        except ValueError:
            raise malformed(f"property_preferences.{key}") from None

    return computed(make, description)


@strawberry.type(
    description="The property that a client is looking for. Numbers are minimums.",
    directives=[FREE],
)
class PropertyPreferences:
    """The documented keys of the API's open `property_preferences` object."""

    of: strawberry.Private[dict[str, Any]]

    bedrooms_min: float | None = _preference("bedrooms_min", number, "Minimum number of bedrooms.")
    bathrooms_min: float | None = _preference(
        "bathrooms_min", number, "Minimum number of bathrooms."
    )
    square_feet_min: float | None = _preference("square_feet_min", number, "Minimum living area.")
    property_types: list[str] | None = _preference("property_types", strings, "Kinds of property.")


@strawberry.federation.type(
    keys=[Key(fields=cast("Any", "id"), resolvable=False)],
    description="The user that a client belongs to; other subgraphs resolve its fields.",
    directives=[FREE],
)
class User:
    """A stub: the API documents no way to read another user."""

    id: strawberry.ID = strawberry.field(description="The API's own UUID for the user.")


@strawberry.federation.type(
    keys=["id"],
    directives=[FREE],
    description=(
        "A person you represent. Every field but `id` may be null: the API promises none."
    ),
)
class Client(Node):
    """A client; see the API page for what is known about each field."""

    record: strawberry.Private[ClientRecord]

    first_name: str | None = record_field("first_name", description="Given name.")
    last_name: str | None = record_field("last_name", description="Family name.")
    full_name: str | None = record_field(
        "first_name",
        "last_name",
        read=lambda *names: " ".join(filter(None, names)),
        description="Given and family name together.",
    )
    email: str | None = record_field(
        "email", description="E-mail address, as the API holds it.", directives=[PERSONAL]
    )
    phone: str | None = record_field(
        "phone", description="Phone number, free form.", directives=[PERSONAL]
    )
    client_type: ClientType | None = record_field(
        "client_type", read=client_type_of, description="Buyer, seller or both."
    )
    client_type_raw: str | None = record_field(
        "client_type", description="The API's own value behind `clientType`."
    )
    status: ClientStatus | None = record_field(
        "status", read=client_status_of, description="State of the relationship."
    )
    status_raw: str | None = record_field(
        "status", description="The API's own value behind `status`."
    )
    source: str | None = record_field(
        "source", description="Where the client came from, e.g. Zillow."
    )
    budget_min: float | None = record_field(
        "budget_min",
        read=number,
        description="The lowest price that they would pay, in whole currency units.",
    )
    budget_max: float | None = record_field(
        "budget_max",
        read=number,
        description="The highest price that they would pay, in whole currency units.",
    )
    preferred_locations: list[str] | None = record_field(
        "preferred_locations", description="Places where they want to live."
    )
    property_preferences: PropertyPreferences | None = record_field(
        "property_preferences",
        read=lambda held: PropertyPreferences(of=held),
        description="The property that they are looking for.",
    )
    pre_approved: bool | None = record_field(
        "pre_approved", description="Whether a lender has pre-approved them."
    )
    pre_approval_amount: float | None = record_field(
        "pre_approval_amount",
        read=number,
        description="The pre-approved amount, in whole currency units.",
    )
    notes: str | None = record_field(
        "notes", description="Free text about the client; sensitive.", directives=[PERSONAL]
    )
    tags: list[str] | None = record_field("tags", description="Labels.")
    version: int | None = record_field(
        "version",
        read=integer,
        description=(
            "Counts changes; pass it as `expectedVersion` when updating. An error where the API's"
            " is more than `Int` can hold: `versionRaw` has it."
        ),
    )
    version_raw: str | None = record_field(
        "version",
        read=digits,
        description=(
            "The API's own value behind `version`, in digits; pass it as `expectedVersionRaw`."
        ),
    )
    created_at: Timestamp | None = record_field(
        "created_at", read=instant, description="When the client was created."
    )
    updated_at: Timestamp | None = record_field(
        "updated_at", read=instant, description="When the client last changed."
    )
    owner: User | None = record_field(
        "user_id",
        read=lambda user_id: User(id=strawberry.ID(user_id)),
        description="The user that the client belongs to.",
    )

    @classmethod
    def of(cls, record: ClientRecord) -> "Client":
        """Return the client of this record."""
        return cls(id=strawberry.ID(record.id), record=record)


def _reads() -> dict[str, Fields]:
    definition = object_definition(Client)
    return {
        to_camel_case(field.python_name): field.metadata[RecordField].reads
        for field in definition.fields
        if RecordField in field.metadata
    }


_READS = _reads()


@lru_cache(maxsize=1024)
def required_record_fields(names: frozenset[str]) -> Fields:
    """Return the record fields behind these fields of the graph's Client; others are ignored."""
    return frozenset[str]().union(*(_READS.get(name, frozenset()) for name in names))
