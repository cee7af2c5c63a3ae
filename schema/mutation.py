"""The mutation root: creating, changing and deleting clients, with every outcome."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from schema.context import Context
from schema.inputs import (
    CreateClientInput,
    DeleteClientInput,
    UpdateClientInput,
    parse_create,
    parse_id,
    parse_update,
)
from schema.source.writes import Confirmation
from schema.types.client import Client
from schema.types.client_connection import make_edge
from schema.types.enums import ClientWriteConfirmation
from schema.types.mutation_results import (
    ClientMergedOver,
    CreateClientResult,
    CreateClientSuccess,
    DeleteClientResult,
    DeleteClientSuccess,
    UpdateClientResult,
    UpdateClientSuccess,
)
from schema.types.page_arguments import about


@strawberry.type(description="Creates, changes and deletes clients.")
class Mutation:
    """The mutation root. `schema.types.error_union` turns failures into members of results."""

    @strawberry.mutation(
        description=(
            "Create a client. The gateway never sends a create again that may have happened; with"
            " an `idempotencyKey` you may send it again safely too."
        )
    )
    async def create_client(
        self,
        info: Info[Context, None],
        input: Annotated[CreateClientInput, about("The new client.")],
    ) -> CreateClientResult | None:
        new, context = parse_create(input), info.context
        context.loaders.clear()
        written = await context.source.create(context.operation, new)
        return CreateClientSuccess(
            client=Client.of(written.record),
            client_edge=make_edge(written.record),
            confirmed_by=_confirmed_by(written.confirmed_by),
            replayed=written.replayed,
        )

    @strawberry.mutation(description="Change a client's e-mail, phone or status.")
    async def update_client(
        self,
        info: Info[Context, None],
        input: Annotated[UpdateClientInput, about("The changes.")],
    ) -> UpdateClientResult | None:
        id, change, context = parse_id(input.id), parse_update(input), info.context
        context.loaders.clear()
        written = await context.source.update(context.operation, id, change)
        return UpdateClientSuccess(
            client=Client.of(written.record),
            confirmed_by=_confirmed_by(written.confirmed_by),
            merged_over=ClientMergedOver.of(written.merged_over),
        )

    @strawberry.mutation(
        description=(
            "Delete a client. Treat it as final: the API documents no way to undo it. To retire"
            " a client, set its status to CLOSED instead."
        )
    )
    async def delete_client(
        self,
        info: Info[Context, None],
        input: Annotated[DeleteClientInput, about("The client to delete.")],
    ) -> DeleteClientResult | None:
        id, context = parse_id(input.id), info.context
        context.loaders.clear()
        how = await context.source.delete(context.operation, id)
        return DeleteClientSuccess(
            deleted_client_id=strawberry.ID(id), confirmed_by=_confirmed_by(how)
        )


def _confirmed_by(how: Confirmation) -> ClientWriteConfirmation:
    return ClientWriteConfirmation(how.value)
