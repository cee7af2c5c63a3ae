"""What can be read: a client, a page of clients, and anything by its id."""

from typing import Annotated, Any, cast

import strawberry
from strawberry.types import Info

from schema.client import Client, ContextInfo, Node, fields_read
from schema.connection import ClientConnection, connection, window_for
from schema.context import Context
from schema.enums import ClientStatus, ClientType
from schema.failures import Invalid, NotFound
from schema.loaders import ClientsById, Wanted
from schema.selection import selected
from schema.source import ClientFilter, ClientId, Fields, Window, client_id

MAX_NODES = 100
"""Ids that one `nodes` field may name."""

Described = strawberry.argument


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


def known_value(member: ClientType | ClientStatus, name: str) -> str:
    """The API's value for an input. Raises `Invalid` for UNKNOWN, which no client can have."""
    if member in {ClientType.UNKNOWN, ClientStatus.UNKNOWN}:
        raise Invalid(f"`{name}` must be one of the values the API knows, not UNKNOWN.")
    return str(member.value)


def _where(given: ClientFilterInput | None) -> ClientFilter:
    if not given:
        return ClientFilter()
    return ClientFilter(
        client_type=known_value(given.client_type, "clientType") if given.client_type else None,
        status=known_value(given.status, "status") if given.status else None,
    )


async def load_client(loader: ClientsById, id: ClientId, fields: Fields) -> Client | None:
    """The client, or None when there is none; other failures are raised."""
    try:
        return Client.of(await loader.load(Wanted(id, fields)))
    except NotFound:
        return None


def _given(value: Any) -> Any:
    return None if value is strawberry.UNSET else value


def _wanted(info: ContextInfo) -> Fields:
    return fields_read(selected(info))


@strawberry.type(name="Query")
class FederatedQuery:
    """Reads, without `node` and `nodes`: in a larger graph only one subgraph may own those."""

    @strawberry.field(description="One client by id; null when there is none you may see.")
    def client(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, Described(description="The client's UUID.")],
    ) -> Client | None:
        known = client_id(id)
        if known is None:
            raise Invalid("`id` is not a client's id: it must be a UUID.")
        found = load_client(info.context.loaders.clients, known, _wanted(info))
        return cast("Client | None", found)

    @strawberry.field(
        description=(
            "Your clients in the API's order, 25 at a time unless `first` or `last` says"
            " otherwise (at most 100). Any page costs one call of the API's window, or none."
        )
    )
    async def clients(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info[Context, None],
        filter: Annotated[
            ClientFilterInput | None, Described(description="Which clients; all when absent.")
        ] = strawberry.UNSET,
        first: Annotated[
            int | None, Described(description="How many rows from the front, 0 to 100.")
        ] = strawberry.UNSET,
        after: Annotated[
            str | None, Described(description="Only rows after this cursor.")
        ] = strawberry.UNSET,
        last: Annotated[
            int | None, Described(description="How many rows from the back, 0 to 100.")
        ] = strawberry.UNSET,
        before: Annotated[
            str | None, Described(description="Only rows before this cursor.")
        ] = strawberry.UNSET,
        offset: Annotated[
            int | None, Described(description="Skip this many rows, for jumping to a page.")
        ] = strawberry.UNSET,
    ) -> ClientConnection:
        window = window_for(*map(_given, (first, after, last, before, offset)))
        where = _where(_given(filter))
        if not selected(info, "edges") and not selected(info, "pageInfo"):
            window = Window(0, 0)
        fields = fields_read(selected(info, "edges", "node"))
        context = info.context
        page = await context.source.window(context.operation, where, window, fields)
        return connection(window, page)


@strawberry.type(name="Query")
class Query(FederatedQuery):
    """Reads, with Relay's `node` and `nodes`."""

    @strawberry.field(description="Anything by its id; null when there is none you may see.")
    async def node(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, Described(description="Any id of this graph.")],
    ) -> Node | None:
        known = client_id(id)
        if known is None:
            return None
        return await load_client(info.context.loaders.clients, known, _wanted(info))

    @strawberry.field(
        description="Things by their ids, at most 100, in the order asked; null for what is not."
    )
    def nodes(
        self,
        info: Info[Context, None],
        ids: Annotated[list[strawberry.ID], Described(description="Ids of this graph.")],
    ) -> list[Node | None]:
        if len(ids) > MAX_NODES:
            raise Invalid(f"`ids` may name at most {MAX_NODES} things, not {len(ids)}.")
        wanted, loader = _wanted(info), info.context.loaders.clients
        found = [
            None if known is None else load_client(loader, known, wanted)
            for known in map(client_id, ids)
        ]
        return cast("list[Node | None]", found)
