"""The event of a subscription: a client that changed, as the caller may see it."""

import strawberry

from schema.types.client import Client
from schema.types.enums import ClientChangeKind
from schema.types.scalars import Timestamp


@strawberry.type(description="A change of a client, and the client as it is after it.")
class ClientChange:
    kind: ClientChangeKind = strawberry.field(description="What happened.")
    client_id: strawberry.ID = strawberry.field(description="The client's UUID.")
    client: Client | None = strawberry.field(
        description=(
            "The client after the change; null if it was deleted, or could not be read now: an"
            " event with the client follows then."
        )
    )
    at: Timestamp = strawberry.field(description="When the gateway learned of the change.")
