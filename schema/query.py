"""What can be read: a client, a page of clients, and anything by its id."""

from typing import Annotated, Any, cast

import strawberry
from strawberry.federation.schema_directives import ListSize
from strawberry.types import Info

from schema import asks
from schema.asks import ClientFilterInput, ClientsAsked
from schema.client import CALL, Client, Node
from schema.connection import DEFAULT_PAGE, ClientConnection, connection
from schema.context import Context
from schema.failures import NotFound
from schema.loaders import ClientsById, Wanted
from schema.needs import RowsNeed
from schema.operation import Operation
from schema.selection import looking
from schema.source import ClientId, ClientSource, Fields

Described = strawberry.argument


async def _load(loader: ClientsById, id: ClientId, fields: Fields) -> Client | None:
    """The client, or None when there is none; other failures are raised."""
    try:
        return Client.of(await loader.load(Wanted(id, fields)))
    except NotFound:
        return None


def loaded(context: Context, asked: ClientsAsked) -> Any:
    """The field's value, whatever of it must be read still to be awaited."""
    if not asked.many and asked.places[0] is None:
        return None
    loader = context.loaders.of(asked.lane)
    found = [
        _load(loader, place, asked.fields) if isinstance(place, str) else place
        for place in asked.places
    ]
    return found if asked.many else found[0]


async def _page(source: ClientSource, operation: Operation, asked: RowsNeed) -> ClientConnection:
    page = await source.window(operation, asked.where, asked.window, asked.fields)
    return connection(asked.window, page)


@strawberry.type(name="Query", description="What can be read.")
class FederatedQuery:
    """Reads, without `node` and `nodes`: in a larger graph only one subgraph may own those."""

    @strawberry.field(
        description="One client by id; null when there is none you may see.", directives=[CALL]
    )
    def client(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, Described(description="The client's UUID.")],
    ) -> Client | None:
        return cast("Client | None", loaded(info.context, asks.client(looking(info), id=id)))

    @strawberry.field(
        description=(
            "Your clients in the API's order, 25 at a time unless `first` or `last` says"
            " otherwise (at most 100). Any page costs one call of the API's window, or none."
        ),
        directives=[
            CALL,
            ListSize(
                assumed_size=DEFAULT_PAGE,
                slicing_arguments=["first", "last"],
                sized_fields=["edges"],
                require_one_slicing_argument=False,
            ),
        ],
    )
    def clients(  # noqa: PLR0913, PLR0917 - Relay's arguments
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
    ) -> ClientConnection | None:
        asked = asks.clients(
            looking(info),
            filter=filter,
            first=first,
            after=after,
            last=last,
            before=before,
            offset=offset,
        )
        found = _page(info.context.source, info.context.operation, asked)
        return cast("ClientConnection", found)


@strawberry.type(name="Query", description="What can be read.")
class Query(FederatedQuery):
    """Reads, with Relay's `node` and `nodes`."""

    @strawberry.field(description="Anything by its id; null when there is none you may see.")
    def node(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, Described(description="Any id of this graph.")],
    ) -> Node | None:
        return cast("Node | None", loaded(info.context, asks.node(looking(info), id=id)))

    @strawberry.field(
        description="Things by their ids, at most 100, in the order asked; null for what is not.",
        directives=[
            ListSize(assumed_size=asks.MAX_NODES, require_one_slicing_argument=False),  # type: ignore[call-arg]  # has defaults
        ],
    )
    def nodes(
        self,
        info: Info[Context, None],
        ids: Annotated[list[strawberry.ID], Described(description="Ids of this graph.")],
    ) -> list[Node | None] | None:
        found = loaded(info.context, asks.nodes(looking(info), ids=ids))
        return cast("list[Node | None]", found)
