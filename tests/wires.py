"""Upstream transports for tests: written as a coroutine, with responses made of what they hold."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from gateway.transport.messages import Headers, Request, Response
from gateway.transport.transport import Transport


class CoroutineTransport(Transport):
    """A transport that handles each request in a task."""

    @abc.abstractmethod
    async def handle(self, request: Request[Any]) -> Response: ...

    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        task = asyncio.ensure_future(self.handle(request))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return task

    async def aclose(self) -> None: ...


_tasks: set[asyncio.Task[Response]] = set()
"""Strong references: an event loop holds only weak ones."""


def headers_of(fields: Mapping[str, str] | Sequence[tuple[str, str]]) -> Headers:
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return Headers([(name.lower().encode(), value.encode()) for name, value in pairs])


def respond(
    status: int,
    *,
    json: Any = None,
    content: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response with `json` or `content`."""
    if json is not None:
        content = orjson.dumps(json)
    body = content.encode() if isinstance(content, str) else content
    return Response(status, headers_of(headers or {}), body)


def page_of(request: Request[Any]) -> tuple[int, int]:
    """The `page` and the `limit` of a list call."""
    query = parse_qs(urlsplit(request.target.url).query)
    return int(query["page"][0]), int(query["limit"][0])


def path_of(request: Request[Any]) -> str:
    """The path of a request, with its query."""
    parts = urlsplit(request.target.url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def header_of(request: Request[Any], name: str) -> str | None:
    """The value of a request's header."""
    for each, value in request.headers.sent_fields:
        if each.lower() == name.lower().encode():
            return value.decode()
    return None
