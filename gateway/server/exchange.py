"""Pass one request to an ASGI application and its response to the connection."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from gateway.server.http1.head import ProtocolError
from gateway.server.http1.reader import ParsedRequest
from gateway.server.undocumented import RequestResponseCycle, get_local_addr, get_remote_addr
from gateway.web.protocol.cors import Cors
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import Headers
from gateway.web.protocol.tracing import trace_from
from gateway.web.refusals import error_response

TOO_MANY_CONNECTIONS = ProtocolError(503, "There are too many connections.")
REQUEST_TIMEOUT = ProtocolError(408, "The request did not arrive in time.")
_log = logging.getLogger("uvicorn.error")


class ResponseTransport:
    """A connection's transport as its exchanges see it: `close` is the connection's own."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class Exchange(RequestResponseCycle):
    """A complete request that the ASGI application answers."""

    def __init__(
        self,
        scope: dict[str, Any],
        body: bytes,
        **connection: Any,  # noqa: ANN401 - keyword arguments of `RequestResponseCycle`
    ) -> None:
        whole = asyncio.Event()
        whole.set()
        super().__init__(
            scope=scope,  # type: ignore[arg-type]  # a dict of that shape
            logger=_log,
            access_logger=_log,
            access_log=False,
            message_event=whole,
            expect_100_continue=False,
            **connection,
        )
        self.body = bytearray(body)
        self.more_body = False

    async def send_500_response(self) -> None:
        """Send the response for an application that failed, in the common error format."""
        reply = error_response(
            500,
            "Something went wrong in the gateway.",
            trace_from({}),
            code="INTERNAL",
            own=[(b"connection", b"close")],
        )
        await reply.send({}, self.send)  # type: ignore[arg-type]  # uvicorn names each message


def scope_of(
    request: ParsedRequest,
    transport: asyncio.Transport,
    **server: Any,  # noqa: ANN401 - values of the scope
) -> dict[str, Any]:
    """Build the ASGI scope (HTTP Connection Scope, 2.3) of a request, with the keys of `server`."""
    raw_path, _, query = request.target.partition(b"?")
    path = raw_path.decode("ascii")
    return {
        "type": "http",
        "http_version": "1.0" if request.http_1_0 else "1.1",
        "server": get_local_addr(transport),
        "client": get_remote_addr(transport),
        "scheme": "http",
        "method": request.method.decode("ascii"),
        "root_path": "",
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": request.headers,
        **server,
    }


def refused(why: ProtocolError, head: RequestHead, cors: Cors, default_headers: Headers) -> bytes:
    """Build the complete response to a rejected request; the connection closes after it."""
    own: Headers = [*(cors.headers(head.origin) if head.headers else cors.unread)]
    if why.status == HTTPStatus.METHOD_NOT_ALLOWED:
        own.append((b"allow", b"GET, HEAD, POST"))
    code = "BAD_REQUEST"
    if why is TOO_MANY_CONNECTIONS:
        code = "OVERLOADED"
        own.append((b"retry-after", b"1"))
    reply = error_response(why.status, why.message, head.trace(), code=code, own=own)
    lines = b"".join(b"%b: %b\r\n" % header for header in default_headers)
    return reply.to_http11(lines + b"connection: close\r\n")
