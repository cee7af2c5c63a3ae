"""The content of a delivery: which kind of change it reports, and of which clients."""

import re
from typing import Any, Literal, NamedTuple

import orjson

ChangeKind = Literal["created", "updated", "deleted", "unknown"]

PREFIX = "client."
CATALOGUE: dict[str, ChangeKind] = {
    "client.created": "created",
    "client.updated": "updated",
    "client.status_changed": "updated",
    "client.deleted": "deleted",
}
"""The events whose effect on lists is known; the API documents the category, not the names."""
MAX_DEPTH = 6
"""Levels of objects and lists in which ids are looked for."""
MAX_VALUES = 1_000
"""Values that are looked at in one payload."""
MAX_IDS = 100
"""Clients of one event; an event with more counts as one without ids."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ID_NAMES = frozenset({"client_id", "clientid", "client_ids", "clientids"})
_CLIENTS = frozenset({"client", "clients", "record", "object"})
_ENVELOPES = frozenset({"data", "payload"})
_NAMES = ("event", "type", "event_type")


class Event(NamedTuple):
    """An event about clients; without `ids`, about any client."""

    kind: ChangeKind
    ids: frozenset[str]


class Delivery(NamedTuple):
    """A payload, as far as it could be read."""

    event: Event | None
    """None for an event of another category."""
    timed: bool
    """Whether the body has a time, so that two events never have the same body."""


def read_delivery(body: bytes, header: str | None) -> Delivery:
    """Read a body; `header` is the value of X-Webhook-Event, which is not signed."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    fields = payload if isinstance(payload, dict) else {}
    names = [*(fields.get(name) for name in _NAMES), header]
    name = next((each for each in names if isinstance(each, str) and each), None)
    timed = isinstance(fields.get("timestamp"), str | int | float)
    if name is not None and not name.startswith(PREFIX):
        return Delivery(None, timed)
    kind = CATALOGUE.get(name or "", "unknown")
    return Delivery(Event(kind, find_ids(payload)), timed)


def find_ids(payload: Any) -> frozenset[str]:  # noqa: ANN401 - JSON is of any type
    """Return the ids of clients in a payload; none if there are too many.

    They are the values of `client_id` and the like at any depth, and the `id` of a client object.
    The object in the envelope is a client unless it holds one; so is the payload, if it has no
    envelope.
    """
    found: set[str] = set()
    bare = isinstance(payload, dict) and not any(name.lower() in _ENVELOPES for name in payload)
    waiting = [(payload, MAX_DEPTH, bare)]
    for _ in range(MAX_VALUES):
        if not waiting:
            break
        value, depth, is_client = waiting.pop()
        if isinstance(value, str):
            found.update([value.lower()] if is_client and _UUID.fullmatch(value) else [])
        elif depth and isinstance(value, list):
            waiting += [(each, depth - 1, is_client) for each in value[:MAX_VALUES]]
        elif depth and isinstance(value, dict):
            waiting += _members(value, depth - 1, is_client=is_client)
    return frozenset() if waiting or len(found) > MAX_IDS else frozenset(found)


def _members(value: dict[str, Any], depth: int, *, is_client: bool) -> list[tuple[Any, int, bool]]:
    """Return the values of an object to look at, and whether each is a client or its id."""
    names = {name.lower(): name for name in value}
    own = is_client and not names.keys() & _CLIENTS
    members: list[tuple[Any, int, bool]] = []
    for plain, name in names.items():
        inner = value[name]
        if isinstance(inner, str):
            members.append((inner, depth, plain in _ID_NAMES or (own and plain == "id")))
        elif isinstance(inner, dict | list):
            nested = plain in _CLIENTS | _ENVELOPES | _ID_NAMES
            members.append((inner, depth, nested))
    return members
