"""Connections that answer plain GraphQL requests themselves, without an ASGI application.

An ASGI exchange accounts for about half the cost of a minimal request. The connection caches the
last head that arrived in one piece with its parsed form, so that an equal head is not parsed
again. Only the body length and the tracing headers may differ between the two.
"""

import re
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

_END = b"\r\n\r\n"
_VARYING = re.compile(
    rb"\r\n(?=[CcTtXxBbSs])"
    rb"((?i:content-length|traceparent|tracestate|x-request-id|baggage|sentry-trace)):"
    rb" ([!-~][ -~]*)(?=\r\n)"
)
"""Header lines that differ between successive requests of one client."""
_LENGTH = b"content-length"
_DIGITS = 7
"""Maximum digits of a Content-Length."""
_STREAMED = ParsedRequest(b"POST", b"/", False, [], b"", keep_alive=True)  # noqa: FBT003
"""Stands for the request of a stream, whose response does not depend on it."""
_LONGEST = 2 * 1024
"""Maximum size of a cached head, in bytes."""


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
        self._remembered_head = b"", 0
        """The cached head, and the length of its body in bytes."""
        self._parts: list[bytes] = []
        """The cached head, split at its varying lines, without their values."""
        self._names: list[bytes] = []
        """The names of the varying lines, in lower case."""
        self._length = 0
        """The index of Content-Length in `_names`."""
        self._values_seen: RequestHead | None = None
        """The parsed form of the cached head."""
        self._common: tuple[Headers | None, bytes] = None, b""
        """The server's default headers, and their serialized lines."""

    def data_received(self, data: bytes) -> None:
        """Accept bytes, which may hold a part of a request or several requests."""
        if self._answering or self._last or self._reader.begun or self.flow.write_paused:
            self._piece = b""
        elif self._values_seen is None or not self._repeated_request(data):
            self._piece = data
        else:
            return
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the cached head, which holds the client's credential."""
        self._values_seen = None
        self._piece, self._remembered_head = b"", (b"", 0)
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
            head = self._direct.head(
                request.target, [each for each in request.headers if each[0] != _LENGTH]
            )
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
            self._remember(piece, head, len(request.body))
        self._respond(head, request.body)

    def _remember(self, piece: bytes, head: RequestHead, length: int) -> None:
        end = piece.find(_END) + len(_END)
        parts = _VARYING.split(piece[:end])
        names = [name.lower() for name in parts[1::3]]
        if end > _LONGEST or end + length != len(piece) or names.count(_LENGTH) != 1:
            return
        self._remembered_head = piece[:end], length
        parts[2::3] = [b""] * len(names)
        self._parts, self._names, self._values_seen = parts, names, head
        self._length = names.index(_LENGTH)

    def _repeated_request(self, data: bytes) -> bool:
        """Answer a complete request whose head matches the cached one; return whether it does."""
        end = data.find(_END) + len(_END)
        if end > 2 * _LONGEST or not self._slot.taken:
            return False
        head = self._values_seen
        assert head is not None  # noqa: S101 - set together with `_parts`
        if (data[:end], len(data) - end) != self._remembered_head:
            values = self._values(data[:end], len(data) - end)
            if values is None:
                return False
            if len(values) > 1:
                head = head.repeated(
                    (name, value.rstrip(b" "))
                    for name, value in zip(self._names, values, strict=True)
                    if name != _LENGTH
                )
        self._deadlines.expect(None)
        self._requests += 1
        self._respond(head, data[end:])
        if not self._answering:
            self._deadlines.answered()
        return True

    def _values(self, data: bytes, length: int) -> list[bytes] | None:
        """Return the values of the varying lines if `data` otherwise equals the cached head."""
        parts = _VARYING.split(data)
        values = parts[2::3]
        if len(values) != len(self._names):
            return None
        parts[2::3] = [b""] * len(values)
        digits = values[self._length]
        if (
            parts != self._parts
            or not digits.isdigit()
            or len(digits) > _DIGITS
            or int(digits) != length
        ):
            return None
        return values

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
