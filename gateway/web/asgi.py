"""The ASGI caller of the GraphQL handler."""

from starlette.types import Receive, Scope, Send

from gateway.web.protocol.disconnect import disconnect_hook
from gateway.web.protocol.event_stream import EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.request import HTTPRequest, RequestHandler


class GraphQLApp:
    """The ASGI endpoint at /graphql."""

    def __init__(self, handler: RequestHandler, most: int) -> None:
        """Read at most about `most` bytes of a body; the server has received all of it."""
        self._handler = handler
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send, head: RequestHead) -> None:
        """Answer one HTTP request (ASGI); `head` holds its parsed headers."""
        method, body = scope["method"], None
        if method == "POST":
            body = await _read_body(receive, self._most)
            if body is None:
                return
            known = self._handler.cached(head, body)
            if known is not None:
                await known.send(scope, send)
                return
        reply = await self._handler.reply(
            HTTPRequest(method, head, body, disconnect_hook(scope), scope["query_string"])
        )
        if isinstance(reply, EventStream):
            await reply.send(scope, receive, send)
        else:
            await reply.send(scope, send)


async def _read_body(receive: Receive, most: int) -> bytes | None:
    """Read a body, or more than `most` bytes of it; return None if the client disconnected."""
    body, more = b"", True
    while more and len(body) <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
