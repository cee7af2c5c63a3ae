"""The GraphQL door: ASGI's requests brought to the service, and its answers back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.web.body import after
from gateway.web.hangups import hang_up
from gateway.web.service import Asking

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gateway.web.head import Head
    from gateway.web.repeats import Repeats
    from gateway.web.service import GraphQLService


class GraphQLDoor:
    """Answers /graphql; what was asked before, without the service."""

    def __init__(self, service: GraphQLService, repeats: Repeats) -> None:
        self._service = service
        self._repeats = repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send, head: Head) -> None:
        """One HTTP request (ASGI), with its headers read."""
        method, body = scope["method"], None
        if method == "POST":
            first = await receive()
            if first["type"] == "http.request" and not first.get("more_body"):
                body = first["body"]
                reply = self._repeats.reply(head, body)
                if reply is not None:
                    await reply.send(scope, send)
                    return
            receive = after(first, receive)
        reply = await self._service.reply(
            Asking(method, head, body, hang_up(scope), receive, scope["query_string"])
        )
        if reply is not None:
            await reply.send(scope, send)
