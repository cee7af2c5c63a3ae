"""Connections that answer plain GraphQL requests themselves, without an ASGI application.

An ASGI exchange accounts for about half the cost of a minimal request. A head that arrives in one
piece with its body is not parsed if the last one of the connection was equal, or if it is known to
differ from an earlier one in nothing that parsing decides (`KnownHeads`).
"""

from collections.abc import Coroutine
from typing import Any

from starlette.types import Scope

from gateway.server.http1.reader import ParsedRequest
from gateway.server.protocol import LimitedHTTPProtocol
from gateway.web.direct import FastPathHandler
from gateway.web.protocol.disconnect import DISCONNECT
from gateway.web.protocol.event_stream import EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import SEND_RESPONSE, Headers, HTTPResponse
from gateway.web.protocol.known_heads import MAX_BYTES

_END = b"\r\n\r\n"
_STREAMED = ParsedRequest(b"POST", b"/", False, [], b"", keep_alive=True)  # noqa: FBT003
"""Stands for the request of a stream, whose response does not depend on it."""


class FastPathProtocol(LimitedHTTPProtocol):
    """One client connection, which passes a request to `direct` before the application."""

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - uvicorn's own
        direct: FastPathHandler,
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **named)
        self._direct = direct
        self._piece = b""
        """The last bytes received, if a request starts with them."""
        self._last_head: tuple[bytes, int] = b"", 0
        """The head of the last request, if it came in one piece, and the length of its body."""
        self._parsed: RequestHead | None = None
        """The parsed form of that head."""
        self._common: tuple[Headers | None, bytes] = None, b""
        """The server's default headers, and their serialized lines."""

    def data_received(self, data: bytes) -> None:
        """Accept bytes, which may hold a part of a request or several requests."""
        if self._answering or self._last or self._reader.begun or self.flow.write_paused:
            self._piece = b""
        elif not self._known_request(data):
            self._piece = data
        else:
            return
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the last head, which holds the client's credential."""
        self._piece, self._last_head, self._parsed = b"", (b"", 0), None
        super().connection_lost(exc)

    def _begin(self, request: ParsedRequest) -> None:
        piece, self._piece = self._piece, b""
        head = None
        if request.method == b"GET":
            if self._upgrade(request):
                return
            reply = self._direct.health(request.target, request.headers)
            if reply is not None:
                self._answer(reply)
                return
        elif request.method == b"POST":
            head = self._direct.head(request.target, request.headers)
        if head is None:
            self._start_exchange(
                request,
                {
                    DISCONNECT: {"when": self._when_hung_up},
                    SEND_RESPONSE: {"send": self._send_whole},
                },
            )
            return
        if piece and not self._reader.waiting and not self._last:
            self._remember(piece, head, request)
        self._respond(head, request.body)

    def _remember(self, piece: bytes, head: RequestHead, request: ParsedRequest) -> None:
        end, length = piece.find(_END) + len(_END), len(request.body)
        if end > MAX_BYTES or end + length != len(piece):
            return
        self._last_head, self._parsed = (piece[:end], length), head
        self._direct.known_heads.remember(piece[:end], request.headers)

    def _known_request(self, data: bytes) -> bool:
        """Answer a complete request whose head is known; return whether it is one."""
        end = data.find(_END) + len(_END)
        if not len(_END) < end <= 2 * MAX_BYTES or not self._slot.taken:
            return False
        head, this = self._parsed, (data[:end], len(data) - end)
        if head is None or this != self._last_head:
            head = self._direct.known_heads.find(*this, head)
            if head is None:
                return False
            self._last_head, self._parsed = this, head
        self._deadlines.expect(None)
        self._requests += 1
        self._respond(head, data[end:])
        if not self._answering:
            self._deadlines.answered()
        return True

    def _respond(self, head: RequestHead, body: bytes) -> None:
        reply = self._direct.known(head, body)
        if reply is not None:
            self._answer(reply)
            return
        self._answering = True
        self._deadlines.begun()
        self._run(self._respond_later(self._direct.reply(head, body, self._when_hung_up)))

    async def _respond_later(
        self, answering: Coroutine[Any, Any, HTTPResponse | EventStream]
    ) -> None:
        """Send the response when it is complete."""
        try:
            reply = await answering
        except BaseException:
            self.transport.close()
            raise
        if isinstance(reply, EventStream):
            await self._stream(reply)
        elif self._slot.taken:
            self._write(reply)
            self._answered()

    async def _stream(self, reply: EventStream) -> None:
        """Send a response that goes on, as the application would."""
        if self._slot.taken:
            scope = self._scope(_STREAMED, {DISCONNECT: {"when": self._when_hung_up}})
            app: Any = reply.send  # uvicorn names each message
            await self._exchange_of(scope, b"").run_asgi(app)

    def _send_whole(self, scope: Scope, reply: HTTPResponse) -> bool:
        """Send an application's complete response in one write; return whether it was sent.

        The exchange is identified by its scope and not referenced from it: a reference cycle for
        each request would need garbage collections, which take tens of milliseconds.
        """
        exchange = self._exchange
        if exchange is None or exchange.scope is not scope or scope["method"] == "HEAD":
            return False
        exchange.response_started = exchange.response_complete = True
        self._write(reply)
        self._answered()
        return True

    def _answer(self, reply: HTTPResponse) -> None:
        self._write(reply)
        if self._last:
            self._close()

    def _write(self, reply: HTTPResponse) -> None:
        headers, lines = self._common
        if headers is not self.server_state.default_headers:  # renewed each second, for the date
            headers = self.server_state.default_headers
            lines = b"".join([b"%b: %b\r\n" % header for header in headers])
            self._common = headers, lines
        self.transport.write(
            reply.to_http11(lines + b"connection: close\r\n" if self._last else lines)
        )
