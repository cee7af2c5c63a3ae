"""Pass one request to an ASGI application and its response to the connection."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from gateway.server.http1.head import ProtocolError
from gateway.server.undocumented import FlowControl, RequestResponseCycle
from gateway.web.protocol.http_response import default_headers
from gateway.web.protocol.tracing import trace_from
from gateway.web.refusals import error_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.server.http1.reader import ParsedRequest
    from gateway.web.protocol.cors import Cors
    from gateway.web.protocol.head import RequestHead
    from gateway.web.protocol.http_response import Headers

TOO_MANY_CONNECTIONS = ProtocolError(503, "There are too many connections.")
REQUEST_TIMEOUT = ProtocolError(408, "The request did not arrive in time.")
_log = logging.getLogger("uvicorn.error")


class ConnectionFlow(FlowControl):
    """Flow control of writing only: the connection itself controls reading."""

    def pause_reading(self) -> None:
        """Do nothing: the connection controls reading."""

    def resume_reading(self) -> None:
        """Do nothing: the connection controls reading."""


class Exchange(RequestResponseCycle):
    """A complete request that the ASGI application answers."""

    def __init__(  # noqa: PLR0913 - the parts of an exchange, by name
        self,
        scope: dict[str, Any],
        body: bytes,
        *,
        transport: asyncio.Transport,
        flow: FlowControl,
        default_headers: Headers,
        keep_alive: bool,
        on_response: Callable[[], None],
    ) -> None:
        whole = asyncio.Event()
        whole.set()
        super().__init__(
            scope=scope,  # type: ignore[arg-type]  # a dict of that shape
            transport=transport,
            flow=flow,
            logger=_log,
            access_logger=_log,
            access_log=False,
            default_headers=default_headers,
            message_event=whole,
            expect_100_continue=False,
            keep_alive=keep_alive,
            on_response=on_response,
        )
        self.body = bytearray(body)
        self.more_body = False

    async def send_500_response(self) -> None:
        """Send the response for an application that failed, in the common error format."""
        reply = error_response(
            500, "Something went wrong in the gateway.", trace_from({}), code="INTERNAL"
        )
        headers = [
            *default_headers(reply.media_type),
            *reply.extra_headers,
            (b"content-length", b"%d" % len(reply.content)),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": reply.content, "more_body": False})


def scope_of(  # noqa: PLR0913 - the parts of an ASGI scope, by name
    request: ParsedRequest,
    *,
    asgi: str,
    server: tuple[str, int | None] | None,
    client: tuple[str, int] | None,
    state: dict[str, Any],
    extensions: dict[str, Any],
) -> dict[str, Any]:
    """Build the ASGI scope (HTTP Connection Scope, 2.3) of a request, for ASGI version `asgi`."""
    raw_path, _, query = request.target.partition(b"?")
    path = raw_path.decode("ascii")
    return {
        "type": "http",
        "asgi": {"version": asgi, "spec_version": "2.3"},
        "http_version": "1.0" if request.http_1_0 else "1.1",
        "server": server,
        "client": client,
        "scheme": "http",
        "method": request.method.decode("ascii"),
        "root_path": "",
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": request.headers,
        "state": state,
        "extensions": extensions,
    }


def refused(why: ProtocolError, head: RequestHead, cors: Cors, default_headers: Headers) -> bytes:
    """Build the complete response to a rejected request; the connection closes after it."""
    own: Headers = cors.headers(head.origin).copy()
    if why.allow is not None:
        own.append((b"allow", why.allow.encode()))
    code = "BAD_REQUEST"
    if why is TOO_MANY_CONNECTIONS:
        code = "OVERLOADED"
        own.append((b"retry-after", b"1"))
    reply = error_response(why.status, why.message, head.trace(), code=code, own=own)
    lines = b"".join(b"%b: %b\r\n" % header for header in default_headers)
    return reply.to_http11(lines + b"connection: close\r\n")
