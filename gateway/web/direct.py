"""Plain questions answered without ASGI, for a server that knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.web.handler import HTTPRequest
from gateway.web.protocol.head import RequestHead

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from gateway.web.cached_response import CachedResponses
    from gateway.web.handler import GraphQLHandler
    from gateway.web.protocol.disconnect import OnDisconnect
    from gateway.web.protocol.hosts import Hosts
    from gateway.web.protocol.http_response import Headers, HTTPResponse


class FastPathHandler:
    """Answers POSTs to `path` whose bodies have come."""

    def __init__(
        self, path: str, repeats: CachedResponses, service: GraphQLHandler, hosts: Hosts
    ) -> None:
        self._path = path.encode()
        self._hosts = hosts
        self._repeats = repeats
        self._service = service

    def head(self, path: bytes, headers: Headers) -> RequestHead | None:
        """The head of a POST to `path`, where it is for us and asks in the plainest way."""
        head = RequestHead(headers) if path == self._path else None
        return head if head is not None and head.is_simple and self._hosts.allow(head) else None

    def known(self, head: RequestHead, body: bytes) -> HTTPResponse | None:
        """The answer, where it is known at once."""
        return self._repeats.reply(head, body)

    def reply(
        self, head: RequestHead, body: bytes, when_hung_up: OnDisconnect
    ) -> Coroutine[Any, Any, HTTPResponse | None]:
        """The answer; None where there is nobody to tell it."""
        return self._service.reply(HTTPRequest("POST", head, body, when_hung_up))
