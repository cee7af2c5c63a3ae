"""The query root: a client, a page of clients, and any object by its id."""

from typing import Annotated, Any, cast

import strawberry
from strawberry import UNSET
from strawberry.federation.schema_directives import ListSize

from schema.execution.root_fields import MAX_NODES, EntityLookup
from schema.loaders import ClientKey, ClientLoader, PageLoader
from schema.source.cost import ListRequest
from schema.source.errors import NotFound
from schema.source.records import ClientId, Fields
from schema.types.client import CALL, Client, Node
from schema.types.client_connection import ClientConnection, connection
from schema.types.client_filter import ClientFilterInput
from schema.types.client_order import ClientOrderInput, ClientSearchField
from schema.types.page_arguments import DEFAULT_PAGE, about
from schema.types.record_fields import ContextInfo


async def _load(loader: ClientLoader, id: ClientId, fields: Fields) -> Client | None:
    """Return the client, or None if there is none; other failures are raised."""
    try:
        return Client.of(await loader.load(ClientKey(id, fields)))
    except NotFound:
        return None


async def _page(loader: PageLoader, request: ListRequest) -> ClientConnection:
    return connection(request.window, await loader.load(request))


def resolve(info: ContextInfo) -> Any:
    """Return the value of a root field, loaded as its plan says.

    Clients and pages are awaitables, an entity without a client keeps its own error. Raises the
    failure to plan the field.
    """
    context = info.context
    request = context.requests[str(info.path.key)]
    if isinstance(request, Exception):
        raise request
    if isinstance(request, ListRequest):
        return _page(context.loaders.pages, request)
    lookup = cast("EntityLookup", request)
    if not lookup.many and lookup.slots[0] is None:
        return None
    loader = context.loaders.clients(lookup.priority)
    found = [
        _load(loader, slot, lookup.fields) if isinstance(slot, str) else slot
        for slot in lookup.slots
    ]
    return found if lookup.many else found[0]


@strawberry.type(name="Query", description="The queries.")
class QueryWithoutNode:
    """The query root without `node` and `nodes`, which one subgraph alone may own."""

    @strawberry.field(
        description="A client by its id; null if it does not exist or the caller may not see it.",
        directives=[CALL],
    )
    def client(
        self,
        info: ContextInfo,
        id: Annotated[strawberry.ID, about("The client's UUID.")],
    ) -> Client | None:
        return cast("Client | None", resolve(info))

    @strawberry.field(
        description=(
            "Your clients, 25 at a time unless `first` or `last` says otherwise (at most 100), in"
            " the API's order without `orderBy`. A page costs one call of the API's window, or"
            " none. The API has neither search nor order, and two filters: with any other argument,"
            " or with `facets`, all clients are read first, a call for each 100, and are held:"
            " what follows costs nothing."
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
        info: ContextInfo,
        filter: Annotated[
            ClientFilterInput | None, about("The filter; without it all clients.")
        ] = UNSET,
        search: Annotated[
            str | None,
            about(
                "Words that must all occur, whatever their case and accents: as the beginning"
                " of a word of the name, within the e-mail address, a tag or the digits of the"
                ' phone number. Quotation marks join words: `"de la Cruz"`.'
            ),
        ] = UNSET,
        search_in: Annotated[
            list[ClientSearchField] | None,
            about("Where to search instead: without it, in all but the notes."),
        ] = UNSET,
        order_by: Annotated[
            list[ClientOrderInput] | None,
            about("Sort keys, the first decides; equal clients are sorted by id."),
        ] = UNSET,
        first: Annotated[int | None, about("Number of rows from the start, 0 to 100.")] = UNSET,
        after: Annotated[str | None, about("Only rows after this cursor.")] = UNSET,
        last: Annotated[int | None, about("Number of rows from the end, 0 to 100.")] = UNSET,
        before: Annotated[str | None, about("Only rows before this cursor.")] = UNSET,
        offset: Annotated[int | None, about("Number of rows to skip, to jump to a page.")] = UNSET,
    ) -> ClientConnection | None:
        return cast("ClientConnection", resolve(info))


@strawberry.type(name="Query", description="The queries.")
class Query(QueryWithoutNode):
    """The query root with Relay's `node` and `nodes`."""

    @strawberry.field(
        description="An object by its id; null if it does not exist or the caller may not see it."
    )
    def node(
        self,
        info: ContextInfo,
        id: Annotated[strawberry.ID, about("An id of this graph.")],
    ) -> Node | None:
        return cast("Node | None", resolve(info))

    @strawberry.field(
        description=(
            "Objects by their ids, at most 100, in the order of `ids`; null for an unknown id."
        ),
        directives=[
            ListSize(assumed_size=MAX_NODES, require_one_slicing_argument=False),  # type: ignore[call-arg]  # has defaults
        ],
    )
    def nodes(
        self,
        info: ContextInfo,
        ids: Annotated[list[strawberry.ID], about("Ids of this graph.")],
    ) -> list[Node | None] | None:
        return cast("list[Node | None]", resolve(info))
