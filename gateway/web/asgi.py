"""The ASGI caller of the GraphQL handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.web.protocol.body import prepend
from gateway.web.protocol.disconnect import disconnect_hook
from gateway.web.request import HTTPRequest

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gateway.web.handler import GraphQLHandler
    from gateway.web.protocol.head import RequestHead


class GraphQLApp:
    """The ASGI endpoint at /graphql."""

    def __init__(self, handler: GraphQLHandler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send, head: RequestHead) -> None:
        """Answer one HTTP request (ASGI); `head` holds its parsed headers."""
        method, body = scope["method"], None
        if method == "POST":
            first = await receive()
            if first["type"] == "http.request" and not first.get("more_body"):
                body = first["body"]
                reply = self._handler.cached(head, body)
                if reply is not None:
                    await reply.send(scope, send)
                    return
            receive = prepend(first, receive)
        reply = await self._handler.reply(
            HTTPRequest(method, head, body, disconnect_hook(scope), receive, scope["query_string"])
        )
        if reply is not None:
            await reply.send(scope, send)
