"""What each root field asks of the source, decided before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec
import strawberry
from graphql import GraphQLError

from schema.client import Client, fields_read
from schema.connection import window_for
from schema.enums import ClientStatus, ClientType
from schema.failures import Invalid
from schema.needs import ClientsNeed, RowsNeed
from schema.operation import Lane
from schema.source import ClientFilter, ClientId, Window, client_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from schema.needs import Kind
    from schema.selection import Look
    from schema.source import ClientRecord, Fields

_SOON = Lane.INTERACTIVE  # members of an enumeration are slow to look up, and this one is often
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


class ClientsAsked(msgspec.Struct, frozen=True):
    """Clients by id, each in its place; a place without an id has its answer already."""

    places: tuple[ClientId | GraphQLError | None, ...]
    fields: Fields
    lane: Lane
    many: bool
    """Whether the answer is a list, or what stands in the only place."""

    @property
    def need(self) -> ClientsNeed:
        """Each client once."""
        ids = dict.fromkeys(place for place in self.places if isinstance(place, str))
        return ClientsNeed(tuple(ids), self.fields, self.lane)

    def answer(self, found: Found) -> Any:
        """The value of the field, a record for each client.

        A failure stands where it happened, or is raised.
        """
        if self.many:
            return [found.get(place) if isinstance(place, str) else place for place in self.places]
        value = found.get(cast("ClientId", self.places[0]))  # nothing is found under None
        if isinstance(value, Exception):
            raise value
        return value


Asked = ClientsAsked | RowsNeed


def client(look: Look, *, id: str) -> ClientsAsked:
    """`Query.client`. Raises `Invalid` for what no client's id can be."""
    known = client_id(id)
    if known is None:
        raise Invalid("`id` is not a client's id: it must be a UUID.")
    return ClientsAsked((known,), fields_read(look()), _SOON, many=False)


def node(look: Look, *, id: str) -> ClientsAsked:
    """`Query.node`: whatever is no client's id names nothing."""
    return ClientsAsked((client_id(id),), fields_read(look()), _SOON, many=False)


def nodes(look: Look, *, ids: Sequence[str]) -> ClientsAsked:
    """`Query.nodes`. Raises `Invalid` for too many."""
    if len(ids) > MAX_NODES:
        raise Invalid(f"`ids` may name at most {MAX_NODES} things, not {len(ids)}.")
    places = tuple(map(client_id, ids))
    return ClientsAsked(places, fields_read(look()), _SOON, many=True)


def entities(look: Look, *, representations: Sequence[object]) -> ClientsAsked:
    """`Query._entities`: one entity for each representation. Raises `Invalid` for too many."""
    if len(representations) > MAX_REPRESENTATIONS:
        raise Invalid(
            f"`representations` may name at most {MAX_REPRESENTATIONS} entities,"
            f" not {len(representations)}."
        )
    places = tuple(map(_represented, representations))
    return ClientsAsked(places, fields_read(look()), Lane.ENTITIES, many=True)


def _represented(representation: object) -> ClientId | GraphQLError:
    if not isinstance(representation, dict):
        return _junk("A representation must be an object.")
    if representation.get("__typename") != Client.__name__:
        return _junk("A representation must be of an entity of this graph: Client.")
    id = representation.get("id")
    known = client_id(id) if isinstance(id, str) else None
    return known or _junk("A Client's representation must carry its `id`, a UUID.")


def _junk(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": Invalid.code})


def clients(  # noqa: PLR0913 - Relay's arguments
    look: Look,
    *,
    filter: ClientFilterInput | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
    last: int | None = strawberry.UNSET,
    before: str | None = strawberry.UNSET,
    offset: int | None = strawberry.UNSET,
) -> RowsNeed:
    """`Query.clients`; a count alone needs no rows. Raises `Invalid`."""
    window = window_for(*map(_given, (first, after, last, before, offset)))
    where = _where(_given(filter))
    shown = look()
    if "edges" not in shown and "pageInfo" not in shown:
        window = Window(0, 0)
    return RowsNeed(where, window, fields_read(look("edges", "node")))


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
    """The API's value for an input. Raises `Invalid` for UNKNOWN, which no client can have."""
    if member in {ClientType.UNKNOWN, ClientStatus.UNKNOWN}:
        raise Invalid(f"`{name}` must be one of the values the API knows, not UNKNOWN.")
    return str(member.value)


WRITES: Mapping[str, Kind] = {
    "createClient": "create",
    "updateClient": "update",
    "deleteClient": "delete",
}
"""What the root fields of a mutation do."""

ASKS: Mapping[str, Callable[..., Asked]] = {
    "client": client,
    "clients": clients,
    "node": node,
    "nodes": nodes,
    "_entities": entities,
}
"""What the root fields of a query ask, by their names in the graph."""
