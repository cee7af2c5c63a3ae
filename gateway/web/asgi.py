"""The GraphQL door: ASGI's requests brought to the service, and its answers back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.web.handler import HTTPRequest
from gateway.web.protocol.body import prepend
from gateway.web.protocol.disconnect import disconnect_hook

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gateway.web.cached_response import CachedResponses
    from gateway.web.handler import GraphQLHandler
    from gateway.web.protocol.head import RequestHead


class GraphQLApp:
    """Answers /graphql; what was asked before, without the service."""

    def __init__(self, service: GraphQLHandler, repeats: CachedResponses) -> None:
        self._service = service
        self._repeats = repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send, head: RequestHead) -> None:
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
            receive = prepend(first, receive)
        reply = await self._service.reply(
            HTTPRequest(method, head, body, disconnect_hook(scope), receive, scope["query_string"])
        )
        if reply is not None:
            await reply.send(scope, send)
