"""Entry to the handlers for servers that pass simple requests without ASGI."""

from collections.abc import Coroutine
from typing import Any

from gateway.web.health import PATHS, Health
from gateway.web.protocol.disconnect import OnDisconnect
from gateway.web.protocol.event_stream import EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.hosts import Hosts
from gateway.web.protocol.http_response import Headers, HTTPResponse
from gateway.web.protocol.known_heads import KnownHeads
from gateway.web.request import HTTPRequest, RequestHandler


class FastPathHandler:
    """Answers POSTs to `path` whose bodies are fully received, and health checks."""

    def __init__(self, path: str, handler: RequestHandler, hosts: Hosts, health: Health) -> None:
        self._path = path.encode()
        self._hosts = hosts
        self._handler = handler
        self._health = health
        self.known_heads = KnownHeads()
        """Heads for which `head` returned one."""

    def head(self, path: bytes, headers: Headers) -> RequestHead | None:
        """Return the head if this is a simple POST to `path` at an allowed host, else None."""
        head = RequestHead(headers) if path == self._path else None
        return head if head is not None and head.is_simple and self._hosts.allow(head) else None

    def health(self, path: bytes, headers: Headers) -> HTTPResponse | None:
        """Return the response if this is a health check by GET at an allowed host, else None."""
        name = path.decode("ascii")
        if name not in PATHS:
            return None
        head = RequestHead(headers)
        return self._health.reply("GET", name, head) if self._hosts.allow(head) else None

    def known(self, head: RequestHead, body: bytes) -> HTTPResponse | None:
        """Return the stored response, if there is one."""
        return self._handler.cached(head, body)

    def reply(
        self, head: RequestHead, body: bytes, when_hung_up: OnDisconnect
    ) -> Coroutine[Any, Any, HTTPResponse | EventStream]:
        """Return the response."""
        return self._handler.reply(HTTPRequest("POST", head, body, when_hung_up))
