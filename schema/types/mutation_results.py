"""The possible results of each mutation: its success, and the failures that the graph names."""

from typing import Annotated

import strawberry

from schema.source.writes import MergeResult
from schema.types.client import Client
from schema.types.client_connection import ClientEdge
from schema.types.enums import ClientWriteConfirmation
from schema.types.error_union import (
    ClientNotFound,
    ClientRateLimited,
    ClientValidationError,
    ClientVersionConflict,
    ClientWriteUnconfirmed,
    graph_names,
)
from schema.types.scalars import held, integer

_CONFIRMED_BY = "How the write was confirmed."


@strawberry.type(description="Another writer's changes that an update was merged with.")
class ClientMergedOver:
    version: int | None = strawberry.field(
        description="The version that the update was applied to; null if it exceeds `Int`."
    )
    version_raw: str = strawberry.field(
        description="The version that the update was applied to, in digits."
    )
    changed_fields: list[str] = strawberry.field(
        description="The fields in which it differed from the version you read; they were kept."
    )

    @classmethod
    def of(cls, over: MergeResult | None) -> "ClientMergedOver | None":
        """Return the graph's type for a merge result, None for None."""
        if over is None:
            return None
        return cls(
            version=held(integer, over.version),
            version_raw=str(over.version),
            changed_fields=graph_names(over.changed),
        )


@strawberry.type(description="The client was created.")
class CreateClientSuccess:
    client: Client = strawberry.field(description="The new client.")
    client_edge: ClientEdge = strawberry.field(
        description="To add to a list on the screen; its cursor has no position in it yet."
    )
    confirmed_by: ClientWriteConfirmation = strawberry.field(description=_CONFIRMED_BY)
    replayed: bool = strawberry.field(
        description=(
            "Whether an earlier create with this `idempotencyKey` made the client, which is shown"
            " as it is now; nothing was created this time."
        )
    )


@strawberry.type(description="The client was changed.")
class UpdateClientSuccess:
    client: Client = strawberry.field(description="The present client.")
    confirmed_by: ClientWriteConfirmation = strawberry.field(description=_CONFIRMED_BY)
    merged_over: ClientMergedOver | None = strawberry.field(
        description="With `onConflict: MERGE`, another writer's changes that were kept; else null."
    )


@strawberry.type(description="The client was deleted; treat the deletion as final.")
class DeleteClientSuccess:
    deleted_client_id: strawberry.ID = strawberry.field(description="The id of the deleted client.")
    confirmed_by: ClientWriteConfirmation = strawberry.field(description=_CONFIRMED_BY)


CreateClientResult = Annotated[
    CreateClientSuccess
    | ClientValidationError
    | ClientNotFound
    | ClientRateLimited
    | ClientWriteUnconfirmed,
    strawberry.union(
        "CreateClientResult", description="The possible results of creating a client."
    ),
]
UpdateClientResult = Annotated[
    UpdateClientSuccess
    | ClientValidationError
    | ClientNotFound
    | ClientVersionConflict
    | ClientRateLimited
    | ClientWriteUnconfirmed,
    strawberry.union(
        "UpdateClientResult", description="The possible results of updating a client."
    ),
]
DeleteClientResult = Annotated[
    DeleteClientSuccess | ClientNotFound | ClientRateLimited | ClientWriteUnconfirmed,
    strawberry.union(
        "DeleteClientResult", description="The possible results of deleting a client."
    ),
]
