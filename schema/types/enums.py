"""The graph's enumerations. Output accepts values that the API adds later; input does not."""

from enum import Enum

import strawberry
from strawberry.types.enum import EnumValueDefinition


def member(value: str, description: str) -> EnumValueDefinition:
    """Return a member of an enumeration with its description."""
    return strawberry.enum_value(value, description=description)


_UNKNOWN = "A value this graph does not know yet; the raw value stays readable. Never an input."


@strawberry.enum(description="What a client wants to do (API page: `client_type`).")
class ClientType(Enum):
    """What a client wants to do; values are the API's own."""

    BUYER = member("buyer", "Looking for a property.")
    SELLER = member("seller", "Selling a property.")
    BOTH = member("both", "Buying and selling.")
    UNKNOWN = member("unknown", _UNKNOWN)


@strawberry.enum(description="State of the relationship with a client (API page: `status`).")
class ClientStatus(Enum):
    """Where the relationship with a client stands; values are the API's own."""

    ACTIVE = member("active", "Currently served.")
    INACTIVE = member("inactive", "Resting.")
    CLOSED = member("closed", "Done.")
    UNKNOWN = member("unknown", _UNKNOWN)


@strawberry.enum(
    description="The reason why a mutation did not succeed. Programs may branch on it."
)
class ClientErrorCode(Enum):
    """Why a mutation failed; values are `ClientError.code`."""

    BAD_USER_INPUT = member(
        "BAD_USER_INPUT", "The input was refused; nothing happened. See `issues`."
    )
    NOT_FOUND = member(
        "NOT_FOUND", "The client does not exist, or the caller may not see it; nothing happened."
    )
    VERSION_CONFLICT = member("VERSION_CONFLICT", "Another writer changed the client first.")
    RATE_LIMITED = member(
        "RATE_LIMITED", "The API's window is spent; nothing happened. Repeat later."
    )
    WRITE_UNCONFIRMED = member(
        "WRITE_UNCONFIRMED",
        "The write was sent and its answer lost: it may have happened. Look first.",
    )


@strawberry.enum(description="How a write was confirmed.")
class ClientWriteConfirmation(Enum):
    """How the gateway knows that a write happened; values are `Confirmation`'s."""

    ANSWER = member("ANSWER", "By the API's response.")
    READBACK = member("READBACK", "By a read, after the response was lost.")


@strawberry.enum(
    description="What an update does if the client has changed since `expectedVersion`."
)
class ClientConflictPolicy(Enum):
    """The handling of a change whose client has changed since it was read."""

    FAIL = member("FAIL", "The update is refused with ClientVersionConflict.")
    MERGE = member(
        "MERGE",
        "It is applied to the new version if the fields that it sets are unchanged; otherwise,"
        " or if that is unknown, it ends in ClientVersionConflict.",
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

    CREATED = member("created", "The client was created.")
    UPDATED = member("updated", "The client changed.")
    DELETED = member(
        "deleted", "The client does not exist any more, or the caller may no longer see it."
    )
    UNKNOWN = member(
        "unknown",
        "The client may have changed: the API reported an event that this graph does not know,"
        " or this is the first event of `initial: true`.",
    )
