"""Plain questions answered without ASGI, for a server that knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.web.head import Head
from gateway.web.service import Asking

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from gateway.web.hangups import HangUp
    from gateway.web.hosts import Hosts
    from gateway.web.repeats import Repeats
    from gateway.web.reply import Headers, Reply
    from gateway.web.service import GraphQLService


class Direct:
    """Answers POSTs to `path` whose bodies have come."""

    def __init__(self, path: str, repeats: Repeats, service: GraphQLService, hosts: Hosts) -> None:
        self._path = path.encode()
        self._hosts = hosts
        self._repeats = repeats
        self._service = service

    def head(self, path: bytes, headers: Headers) -> Head | None:
        """The head of a POST to `path`, where it is for us and asks in the plainest way."""
        head = Head(headers) if path == self._path else None
        return head if head is not None and head.plain and self._hosts.allow(head) else None

    def known(self, head: Head, body: bytes) -> Reply | None:
        """The answer, where it is known at once."""
        return self._repeats.reply(head, body)

    def reply(
        self, head: Head, body: bytes, when_hung_up: HangUp
    ) -> Coroutine[Any, Any, Reply | None]:
        """The answer; None where there is nobody to tell it."""
        return self._service.reply(Asking("POST", head, body, when_hung_up))
