"""The mutation root: creating, changing and deleting clients, with every outcome."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from schema.context import Context
from schema.inputs import parse_create, parse_id, parse_update
from schema.source.writes import Confirmation
from schema.types.client import Client
from schema.types.client_connection import make_edge
from schema.types.enums import (
    ClientConflictPolicy,
    ClientStatus,
    ClientType,
    ClientWriteConfirmation,
)
from schema.types.mutation_results import (
    ClientMergedOver,
    CreateClientResult,
    CreateClientSuccess,
    DeleteClientResult,
    DeleteClientSuccess,
    UpdateClientResult,
    UpdateClientSuccess,
)


@strawberry.input(description="A new client; the API takes these fields and no others.")
class CreateClientInput:
    """API page, Create new client: request body."""

    first_name: str = strawberry.field(description="Given name; not blank.")
    last_name: str = strawberry.field(description="Family name; not blank.")
    client_type: ClientType = strawberry.field(description="Buyer, seller or both.")
    email: str | None = strawberry.field(default=strawberry.UNSET, description="E-mail address.")
    phone: str | None = strawberry.field(
        default=strawberry.UNSET, description="Phone number, free form."
    )
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Your key for this create, such as a UUID for each click. For a create with the same"
            " key within 24 hours, the gateway returns the same client as it is then, sets"
            " `replayed` to true and creates no second one. UUIDs in capitals are the same key."
        ),
    )


@strawberry.input(
    description=(
        "The fields to change. An omitted field stays as it is; null requests the API to clear it."
        " The API allows no other field to be changed."
    )
)
class UpdateClientInput:
    """API page, Update client: request body."""

    id: strawberry.ID = strawberry.field(description="The client's UUID.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description=(
            "The `version` you read: another writer's change is then never overwritten. Leave it"
            " out to overwrite; null is refused."
        )
    )
    expected_version_raw: strawberry.Maybe[str | None] = strawberry.field(
        description="The `versionRaw` that you read, instead of `expectedVersion`."
    )
    email: strawberry.Maybe[str | None] = strawberry.field(description="E-mail address.")
    phone: strawberry.Maybe[str | None] = strawberry.field(description="Phone number, free form.")
    status: strawberry.Maybe[ClientStatus | None] = strawberry.field(
        description="State of the relationship; null is refused."
    )
    on_conflict: ClientConflictPolicy = strawberry.field(
        default=ClientConflictPolicy.FAIL,
        description="What to do if the client is no longer at `expectedVersion`.",
    )


@strawberry.input(description="The client to delete.")
class DeleteClientInput:
    """API page, Delete client."""

    id: strawberry.ID = strawberry.field(description="The client's UUID.")


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
        input: Annotated[CreateClientInput, strawberry.argument(description="The new client.")],
    ) -> CreateClientResult | None:
        new = parse_create(
            input.first_name,
            input.last_name,
            input.client_type,
            input.email,
            input.phone,
            input.idempotency_key,
        )
        context = info.context
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
        input: Annotated[UpdateClientInput, strawberry.argument(description="The changes.")],
    ) -> UpdateClientResult | None:
        id = parse_id(input.id)
        change = parse_update(
            input.email,
            input.phone,
            input.status,
            input.expected_version,
            input.expected_version_raw,
            input.on_conflict,
        )
        context = info.context
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
        input: Annotated[
            DeleteClientInput, strawberry.argument(description="The client to delete.")
        ],
    ) -> DeleteClientResult | None:
        id = parse_id(input.id)
        context = info.context
        context.loaders.clear()
        how = await context.source.delete(context.operation, id)
        return DeleteClientSuccess(
            deleted_client_id=strawberry.ID(id), confirmed_by=_confirmed_by(how)
        )


def _confirmed_by(how: Confirmation) -> ClientWriteConfirmation:
    return ClientWriteConfirmation(how.value)
