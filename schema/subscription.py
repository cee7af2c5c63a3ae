"""The subscription root: changes of one client, and of all clients that match.

`Graph.run_event` executes the selection for each event; the events come from the gateway, so the
source streams of these fields are not used.
"""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry import UNSET

from schema.types.client_change import ClientChange
from schema.types.client_filter import ClientFilterInput
from schema.types.page_arguments import about

_NONE: tuple[ClientChange, ...] = ()


@strawberry.type(description="Changes of clients, by any writer, as the caller may see them.")
class Subscription:
    """The subscription root. Every event is the value of its field."""

    @strawberry.subscription(
        description=(
            "Changes of one client. Nothing costs while nothing changes; one change costs at most"
            " one call of the API's window, however many subscriptions of a caller it reaches."
        )
    )
    async def client_changed(
        self,
        id: Annotated[strawberry.ID, about("The client's UUID.")],
        initial: Annotated[
            bool, about("Whether the first event is the client as it is now.")
        ] = False,
    ) -> AsyncGenerator[ClientChange, None]:
        for event in _NONE:
            yield event

    @strawberry.subscription(
        description=(
            "Changes of all clients that match, or matched before the change, for at most one call"
            " of the API's window each."
        )
    )
    async def clients_changed(
        self,
        filter: Annotated[
            ClientFilterInput | None, about("The filter; without it all clients.")
        ] = UNSET,
    ) -> AsyncGenerator[ClientChange, None]:
        for event in _NONE:
            yield event
