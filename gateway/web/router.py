"""Each request brought to what answers at its path, and what every answer has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import MutableHeaders

from gateway.web.head import Head
from gateway.web.negotiation import wants_page
from gateway.web.refusals import refusal
from gateway.web.reply import GUARD, NO_STORE, Reply
from gateway.web.service import ALLOWED
from gateway.web.tracing import TRACE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gateway.web.cors import Cors
    from gateway.web.graphql import GraphQLDoor
    from gateway.web.hosts import Hosts
from gateway.web.reply import Headers

_MISDIRECTED = "This gateway is not served by the name in Host; GATEWAY_ALLOWED_HOSTS adds one."
_GUARD = [*(header for header in GUARD if header[0] != b"vary"), NO_STORE]
_READS = frozenset({"GET", "HEAD"})


class Places(NamedTuple):
    """What answers where."""

    path: str
    """Where GraphQL is."""
    graphql: GraphQLDoor
    page: ASGIApp | None
    """What people see at `path`: a browser's GET gets it, all else the data."""
    others: ASGIApp
    """What answers everywhere else."""


class Router:
    """The application as a server sees it (ASGI).

    A request by a name that is none of `hosts` is answered 421 (RFC 9110, 15.5.20) at every path,
    a preflight alike at every path. Whatever `others` answer, errors and redirects included, gets
    the header fields that an answer of GraphQL has by itself.
    """

    def __init__(self, places: Places, cors: Cors, hosts: Hosts) -> None:
        self._places = places
        self._hosts = hosts
        self.cors = cors
        """What an answer that a server writes by itself says to a page of another origin."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the server's life."""
        places = self._places
        if scope["type"] != "http":
            await places.others(scope, receive, send)
            return
        head = Head(scope["headers"])
        if not self._hosts.allow(head):
            own = self.cors.headers(head.origin)
            await refusal(421, _MISDIRECTED, head.trace(), own=own).send(scope, send)
            return
        if scope["method"] == "OPTIONS":
            granted = self.cors.preflight(head)
            if granted is None and scope["path"] == "*":  # of the server as a whole
                granted = [ALLOWED, (b"vary", b"Origin"), *self.cors.headers(head.origin)]
            if granted is not None:
                names = head.trace().headers()
                await Reply(204, None, [*_GUARD, *granted, *names], b"").send(scope, send)
                return
        if scope["path"] != places.path:
            await self._other(places.others, head, scope, receive, send)
        elif places.page is not None and scope["method"] in _READS and wants_page(head.accept):
            await self._other(places.page, head, scope, receive, send)
        else:
            await places.graphql(scope, receive, send, head)

    async def _other(
        self, app: ASGIApp, head: Head, scope: Scope, receive: Receive, send: Send
    ) -> None:
        trace = head.trace()
        own = trace.headers() + self.cors.headers(head.origin)

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _completed(message.get("headers", ()), own)
            await send(message)

        scope[TRACE] = trace
        await app(scope, receive, completed)


def _completed(headers: Headers, own: Headers) -> Headers:
    """`headers` and what all answers say, where they do not say that themselves."""
    complete = MutableHeaders(raw=list(headers))
    for name, value in _GUARD:
        complete.setdefault(name.decode(), value.decode())
    complete.add_vary_header("Origin")
    return [*complete.raw, *own]
