"""The graph's enumerations. Output accepts values that the API adds later; input does not."""

from enum import Enum

import strawberry

_UNKNOWN = "A value this graph does not know yet; the raw value stays readable. Never an input."


@strawberry.enum(description="What a client wants to do (API page: `client_type`).")
class ClientType(Enum):
    """What a client wants to do; values are the API's own."""

    BUYER = strawberry.enum_value("buyer", description="Looking for a property.")
    SELLER = strawberry.enum_value("seller", description="Selling a property.")
    BOTH = strawberry.enum_value("both", description="Buying and selling.")
    UNKNOWN = strawberry.enum_value("unknown", description=_UNKNOWN)


@strawberry.enum(description="State of the relationship with a client (API page: `status`).")
class ClientStatus(Enum):
    """Where the relationship with a client stands; values are the API's own."""

    ACTIVE = strawberry.enum_value("active", description="Currently served.")
    INACTIVE = strawberry.enum_value("inactive", description="Resting.")
    CLOSED = strawberry.enum_value("closed", description="Done.")
    UNKNOWN = strawberry.enum_value("unknown", description=_UNKNOWN)


@strawberry.enum(
    description="The reason why a mutation did not succeed. Programs may branch on it."
)
class ClientErrorCode(Enum):
    """Why a mutation failed; values are `ClientError.code`."""

    BAD_USER_INPUT = strawberry.enum_value(
        "BAD_USER_INPUT", description="The input was refused; nothing happened. See `issues`."
    )
    NOT_FOUND = strawberry.enum_value(
        "NOT_FOUND",
        description="The client does not exist, or the caller may not see it; nothing happened.",
    )
    VERSION_CONFLICT = strawberry.enum_value(
        "VERSION_CONFLICT", description="Another writer changed the client first."
    )
    RATE_LIMITED = strawberry.enum_value(
        "RATE_LIMITED", description="The API's window is spent; nothing happened. Repeat later."
    )
    WRITE_UNCONFIRMED = strawberry.enum_value(
        "WRITE_UNCONFIRMED",
        description="The write was sent and its answer lost: it may have happened. Look first.",
    )


@strawberry.enum(description="How a write was confirmed.")
class ClientWriteConfirmation(Enum):
    """How the gateway knows that a write happened; values are `Confirmation`'s."""

    ANSWER = strawberry.enum_value("ANSWER", description="By the API's response.")
    READBACK = strawberry.enum_value(
        "READBACK", description="By a read, after the response was lost."
    )


@strawberry.enum(
    description="What an update does if the client has changed since `expectedVersion`."
)
class ClientConflictPolicy(Enum):
    """The handling of a change whose client has changed since it was read."""

    FAIL = strawberry.enum_value(
        "FAIL", description="The update is refused with ClientVersionConflict."
    )
    MERGE = strawberry.enum_value(
        "MERGE",
        description=(
            "It is applied to the new version if the fields that it sets are unchanged; otherwise,"
            " or if that is unknown, it ends in ClientVersionConflict."
        ),
    )


def client_type_of(raw: str) -> ClientType:
    """Return the member for the API's value, UNKNOWN for a value added later."""
    return _TYPES.get(raw, ClientType.UNKNOWN)


def client_status_of(raw: str) -> ClientStatus:
    """Return the member for the API's value, UNKNOWN for a value added later."""
    return _STATUSES.get(raw, ClientStatus.UNKNOWN)


_TYPES = {str(member.value): member for member in ClientType}
_STATUSES = {str(member.value): member for member in ClientStatus}


@strawberry.enum(description="What happened to a client, as far as it is known.")
class ClientChangeKind(Enum):
    """What happened to a client."""

    CREATED = strawberry.enum_value("created", description="The client was created.")
    UPDATED = strawberry.enum_value("updated", description="The client changed.")
    DELETED = strawberry.enum_value(
        "deleted",
        description="The client does not exist any more, or the caller may no longer see it.",
    )
    UNKNOWN = strawberry.enum_value(
        "unknown",
        description=(
            "The client may have changed: the API reported an event that this graph does not know,"
            " or this is the first event of `initial: true`."
        ),
    )
