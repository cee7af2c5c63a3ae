"""Routing of each request by its path, and the header fields common to all responses."""

from dataclasses import dataclass
from typing import NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web.asgi import GraphQLApp
from gateway.web.handler import ALLOWED
from gateway.web.health import PATHS, Health
from gateway.web.protocol.cors import Cors
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.hosts import Hosts
from gateway.web.protocol.http_response import COMMON_HEADERS, VARY_ORIGIN, HTTPResponse
from gateway.web.protocol.negotiation import prefers_html
from gateway.web.protocol.tracing import TRACE
from gateway.web.refusals import error_response

_MISDIRECTED = "This gateway is not served by the name in Host; GATEWAY_ALLOWED_HOSTS adds one."
_READS = frozenset({"GET", "HEAD"})


class Routes(NamedTuple):
    """The application that answers each path."""

    path: str
    """The path of the GraphQL endpoint."""
    graphql: GraphQLApp
    page: ASGIApp | None
    """The page at `path` for a GET by a browser; all other requests get GraphQL."""
    health: Health
    rest: ASGIApp
    """The application for all other paths."""


@dataclass(eq=False, repr=False)
class Router:
    """The ASGI application that a server calls.

    A request whose Host is not one of `hosts` is answered 421 (RFC 9110, 15.5.20) at every path.
    Preflight requests are answered the same at every path. All responses of the page and of `rest`,
    errors and redirects included, get the header fields that GraphQL responses have.
    """

    routes: Routes
    cors: Cors
    """The CORS header fields for responses that the server writes without the application."""
    hosts: Hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on a lifespan event."""
        places = self.routes
        if scope["type"] != "http":
            await places.rest(scope, receive, send)
            return
        head = RequestHead(scope["headers"])
        if not self.hosts.allow(head):
            own = self.cors.headers(head.origin)
            await error_response(421, _MISDIRECTED, head.trace(), own=own).send(scope, send)
            return
        if scope["method"] == "OPTIONS":
            granted = self.cors.preflight(head)
            if granted is None and scope["path"] == "*":  # the server as a whole (RFC 9110, 9.3.7)
                granted = [ALLOWED, VARY_ORIGIN, *self.cors.headers(head.origin)]
            if granted is not None:
                names = head.trace().headers()
                await HTTPResponse(204, None, [*COMMON_HEADERS, *granted, *names], b"").send(
                    scope, send
                )
                return
        if scope["path"] in PATHS:
            await places.health.reply(scope["method"], scope["path"], head).send(scope, send)
        elif scope["path"] != places.path:
            await self._other(places.rest, head, scope, receive, send)
        elif places.page is not None and scope["method"] in _READS and prefers_html(head.accept):
            await self._other(places.page, head, scope, receive, send)
        else:
            await places.graphql(scope, receive, send, head)

    async def _other(
        self, app: ASGIApp, head: RequestHead, scope: Scope, receive: Receive, send: Send
    ) -> None:
        trace = head.trace()
        own = trace.headers() + self.cors.headers(head.origin)

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                complete = MutableHeaders(raw=list(message.get("headers", ())))
                for name, value in COMMON_HEADERS:
                    complete.setdefault(name.decode(), value.decode())
                complete.add_vary_header("Origin")
                message["headers"] = [*complete.raw, *own]
            await send(message)

        scope[TRACE] = trace
        await app(scope, receive, completed)
