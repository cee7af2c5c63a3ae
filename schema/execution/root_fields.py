"""Map the arguments of each root field to a request to the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import strawberry
from graphql import GraphQLError

from schema.source.cost import EntitiesRequest, ListRequest
from schema.source.errors import InvalidInput
from schema.source.records import ClientFilter, ClientId, Window, client_id
from schema.source.request_context import Priority
from schema.types.client import Client, required_record_fields
from schema.types.enums import ClientStatus, ClientType
from schema.types.page_arguments import window_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schema.source.cost import Kind
    from schema.source.records import Fields

_INTERACTIVE = Priority.INTERACTIVE  # looking up a member of an enumeration is slow
MAX_NODES = 100
"""Largest number of ids in one `nodes` field."""
MAX_REPRESENTATIONS = 100
"""Largest number of entities in one `_entities` field."""


@strawberry.input(
    name="ClientFilter", description="A filter of clients. If both fields are set, both must match."
)
class ClientFilterInput:
    """The API's two filters (API page, List all clients: parameters)."""

    client_type: ClientType | None = strawberry.field(
        default=strawberry.UNSET, description="Only clients of this type."
    )
    status: ClientStatus | None = strawberry.field(
        default=strawberry.UNSET, description="Only clients with this status."
    )


class EntityLookup(msgspec.Struct, frozen=True):
    """Clients by id, one for each slot; a slot without an id holds its result already."""

    slots: tuple[ClientId | GraphQLError | None, ...]
    fields: Fields
    priority: Priority
    many: bool
    """Whether the value is a list, or the value of the only slot."""
    has_errors: bool = False
    """Whether a slot holds an error."""

    @property
    def need(self) -> EntitiesRequest:
        """Return the request for the clients, each once."""
        ids = dict.fromkeys(slot for slot in self.slots if isinstance(slot, str))
        return EntitiesRequest(tuple(ids), self.fields, self.priority)


RootRequest = EntityLookup | ListRequest
Look = Callable[..., frozenset[str]]
"""Returns the graph names of the fields selected below a path of field names."""


def client(look: Look, *, id: str) -> EntityLookup:
    """Return the lookup of `Query.client`. Raises `InvalidInput` for an invalid id."""
    known = client_id(id)
    if known is None:
        raise InvalidInput("`id` is not a client's id: it must be a UUID.")
    return EntityLookup((known,), required_record_fields(look()), _INTERACTIVE, many=False)


def node(look: Look, *, id: str) -> EntityLookup:
    """Return the lookup of `Query.node`: an id of no client finds nothing."""
    return EntityLookup((client_id(id),), required_record_fields(look()), _INTERACTIVE, many=False)


def nodes(look: Look, *, ids: Sequence[str]) -> EntityLookup:
    """Return the lookup of `Query.nodes`. Raises `InvalidInput` for too many ids."""
    if len(ids) > MAX_NODES:
        raise InvalidInput(f"`ids` may name at most {MAX_NODES} things, not {len(ids)}.")
    slots = tuple(map(client_id, ids))
    return EntityLookup(slots, required_record_fields(look()), _INTERACTIVE, many=True)


def entities(look: Look, *, representations: Sequence[object]) -> EntityLookup:
    """Return the lookup of `Query._entities`, one slot for each representation.

    Raises `InvalidInput` for too many representations.
    """
    if len(representations) > MAX_REPRESENTATIONS:
        raise InvalidInput(
            f"`representations` may name at most {MAX_REPRESENTATIONS} entities,"
            f" not {len(representations)}."
        )
    slots = tuple(map(_slot_of, representations))
    fields = required_record_fields(look())
    errors = not all(isinstance(slot, str) for slot in slots)
    return EntityLookup(slots, fields, Priority.ENTITIES, many=True, has_errors=errors)


def _slot_of(representation: object) -> ClientId | GraphQLError:
    if not isinstance(representation, dict):
        return _invalid_representation("A representation must be an object.")
    if representation.get("__typename") != Client.__name__:
        return _invalid_representation(
            "A representation must be of an entity of this graph: Client."
        )
    id = representation.get("id")
    known = client_id(id) if isinstance(id, str) else None
    return known or _invalid_representation(
        "A Client's representation must carry its `id`, a UUID."
    )


def _invalid_representation(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": InvalidInput.code})


def clients(  # noqa: PLR0913 - Relay's arguments
    look: Look,
    *,
    filter: ClientFilterInput | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
    last: int | None = strawberry.UNSET,
    before: str | None = strawberry.UNSET,
    offset: int | None = strawberry.UNSET,
) -> ListRequest:
    """Return the request of `Query.clients`; a count alone needs no rows. Raises `InvalidInput`."""
    window = window_for(*map(_given, (first, after, last, before, offset)))
    where = _where(_given(filter))
    shown = look()
    if "edges" not in shown and "pageInfo" not in shown:
        window = Window(0, 0)
    return ListRequest(where, window, required_record_fields(look("edges", "node")))


def _given(value: Any) -> Any:
    return None if value is strawberry.UNSET else value


def _where(given: ClientFilterInput | None) -> ClientFilter:
    if not given:
        return ClientFilter()
    return ClientFilter(
        client_type=known_value(given.client_type, "clientType") if given.client_type else None,
        status=known_value(given.status, "status") if given.status else None,
    )


def known_value(member: ClientType | ClientStatus, name: str) -> str:
    """Return the API's value for an input. Raises `InvalidInput` for UNKNOWN."""
    if member in {ClientType.UNKNOWN, ClientStatus.UNKNOWN}:
        raise InvalidInput(f"`{name}` must be one of the values the API knows, not UNKNOWN.")
    return str(member.value)


WRITE_REQUESTS: Mapping[str, Kind] = {
    "createClient": "create",
    "updateClient": "update",
    "deleteClient": "delete",
}
"""The kind of write of each root field of a mutation."""

ROOT_FIELDS: Mapping[str, Callable[..., RootRequest]] = {
    "client": client,
    "clients": clients,
    "node": node,
    "nodes": nodes,
    "_entities": entities,
}
"""The function that builds the request of each root field of a query, by its graph name."""
