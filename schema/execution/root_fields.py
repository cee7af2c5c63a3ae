"""What each root field asks of the source, decided before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec
import strawberry
from graphql import GraphQLError

from schema.source.cost import EntitiesRequest, ListRequest
from schema.source.errors import InvalidInput
from schema.source.records import ClientFilter, ClientId, Window, client_id
from schema.source.request_context import Priority
from schema.types.client import Client, required_record_fields
from schema.types.connection import window_for
from schema.types.enums import ClientStatus, ClientType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from schema.execution.selection import SelectedFields
    from schema.source.cost import Kind
    from schema.source.records import ClientRecord, Fields

_SOON = Priority.INTERACTIVE  # members of an enumeration are slow to look up, and this one is often
MAX_NODES = 100
"""Ids that one `nodes` field may name."""
MAX_REPRESENTATIONS = 100
"""Entities that one `_entities` field may name."""


@strawberry.input(
    name="ClientFilter", description="Which clients; both conditions must hold when both are given."
)
class ClientFilterInput:
    """The API's two filters (API page, List all clients: parameters)."""

    client_type: ClientType | None = strawberry.field(
        default=strawberry.UNSET, description="Only clients of this type."
    )
    status: ClientStatus | None = strawberry.field(
        default=strawberry.UNSET, description="Only clients with this status."
    )


Found = Mapping["ClientId", "ClientRecord | Exception | None"]
"""What became of clients asked for by their ids; None for one that is not there."""


class EntityLookup(msgspec.Struct, frozen=True):
    """Clients by id, each in its place; a place without an id has its answer already."""

    slots: tuple[ClientId | GraphQLError | None, ...]
    fields: Fields
    lane: Priority
    many: bool
    """Whether the answer is a list, or what stands in the only place."""

    @property
    def need(self) -> EntitiesRequest:
        """Each client once."""
        ids = dict.fromkeys(place for place in self.slots if isinstance(place, str))
        return EntitiesRequest(tuple(ids), self.fields, self.lane)

    def answer(self, found: Found) -> Any:
        """The value of the field, a record for each client.

        A failure stands where it happened, or is raised.
        """
        if self.many:
            return [found.get(place) if isinstance(place, str) else place for place in self.slots]
        value = found.get(cast("ClientId", self.slots[0]))  # nothing is found under None
        if isinstance(value, Exception):
            raise value
        return value


RootRequest = EntityLookup | ListRequest


def client(look: SelectedFields, *, id: str) -> EntityLookup:
    """`Query.client`. Raises `InvalidInput` for what no client's id can be."""
    known = client_id(id)
    if known is None:
        raise InvalidInput("`id` is not a client's id: it must be a UUID.")
    return EntityLookup((known,), required_record_fields(look()), _SOON, many=False)


def node(look: SelectedFields, *, id: str) -> EntityLookup:
    """`Query.node`: whatever is no client's id names nothing."""
    return EntityLookup((client_id(id),), required_record_fields(look()), _SOON, many=False)


def nodes(look: SelectedFields, *, ids: Sequence[str]) -> EntityLookup:
    """`Query.nodes`. Raises `InvalidInput` for too many."""
    if len(ids) > MAX_NODES:
        raise InvalidInput(f"`ids` may name at most {MAX_NODES} things, not {len(ids)}.")
    places = tuple(map(client_id, ids))
    return EntityLookup(places, required_record_fields(look()), _SOON, many=True)


def entities(look: SelectedFields, *, representations: Sequence[object]) -> EntityLookup:
    """`Query._entities`: one entity for each representation. Raises `InvalidInput` for too many."""
    if len(representations) > MAX_REPRESENTATIONS:
        raise InvalidInput(
            f"`representations` may name at most {MAX_REPRESENTATIONS} entities,"
            f" not {len(representations)}."
        )
    places = tuple(map(_represented, representations))
    return EntityLookup(places, required_record_fields(look()), Priority.ENTITIES, many=True)


def _represented(representation: object) -> ClientId | GraphQLError:
    if not isinstance(representation, dict):
        return _junk("A representation must be an object.")
    if representation.get("__typename") != Client.__name__:
        return _junk("A representation must be of an entity of this graph: Client.")
    id = representation.get("id")
    known = client_id(id) if isinstance(id, str) else None
    return known or _junk("A Client's representation must carry its `id`, a UUID.")


def _junk(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": InvalidInput.code})


def clients(  # noqa: PLR0913 - Relay's arguments
    look: SelectedFields,
    *,
    filter: ClientFilterInput | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
    last: int | None = strawberry.UNSET,
    before: str | None = strawberry.UNSET,
    offset: int | None = strawberry.UNSET,
) -> ListRequest:
    """`Query.clients`; a count alone needs no rows. Raises `InvalidInput`."""
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
    """The API's value for an input. Raises `InvalidInput` for UNKNOWN, which no client can have."""
    if member in {ClientType.UNKNOWN, ClientStatus.UNKNOWN}:
        raise InvalidInput(f"`{name}` must be one of the values the API knows, not UNKNOWN.")
    return str(member.value)


WRITE_REQUESTS: Mapping[str, Kind] = {
    "createClient": "create",
    "updateClient": "update",
    "deleteClient": "delete",
}
"""What the root fields of a mutation do."""

ROOT_FIELDS: Mapping[str, Callable[..., RootRequest]] = {
    "client": client,
    "clients": clients,
    "node": node,
    "nodes": nodes,
    "_entities": entities,
}
"""What the root fields of a query ask, by their names in the graph."""
