"""Connections that answer plain GraphQL requests themselves, without an ASGI application.

An ASGI exchange costs as much as a bare server takes for all else. Of the last head that came in
one piece the connection remembers what it says, so that one like it is not read again: it may
differ in what differs from request to request, a body's length and the names of a trace.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gateway.server.protocol import LimitedHTTPProtocol
from gateway.web.protocol.disconnect import DISCONNECT
from gateway.web.protocol.http_response import SEND_RESPONSE

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Scope

    from gateway.server.http1.reader import ParsedRequest
    from gateway.web.direct import FastPathHandler
    from gateway.web.protocol.head import RequestHead
    from gateway.web.protocol.http_response import Headers, HTTPResponse

_END = b"\r\n\r\n"
_VARYING = re.compile(
    rb"\r\n(?=[CcTtXxBbSs])"
    rb"((?i:content-length|traceparent|tracestate|x-request-id|baggage|sentry-trace)):"
    rb" ([!-~][ -~]*)(?=\r\n)"
)
"""Lines of a head that differ from one request of a client to its next."""
_LENGTH = b"content-length"
_DIGITS = 7
"""Digits of a length, at most."""
_LONGEST = 2 * 1024
"""Bytes of a head that is remembered."""


class FastPathProtocol(LimitedHTTPProtocol):
    """One client's connection, `direct` asked before the application."""

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - uvicorn's own
        direct: FastPathHandler,
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **named)
        self._direct = direct
        self._piece = b""
        """What came last, where it began a request."""
        self._remembered_head = b"", 0
        """The head that is remembered, and how long a body it announced."""
        self._parts: list[bytes] = []
        """The head that is remembered, cut at its varying lines, whose values are left out."""
        self._names: list[bytes] = []
        """The names of those lines."""
        self._length = 0
        """Which of them is Content-Length."""
        self._values_seen: RequestHead | None = None
        """What it says."""
        self._common: tuple[Headers | None, bytes] = None, b""
        """What the server says in every answer, and its lines."""

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request, of several, or of nothing."""
        if self._answering or self._last or self._reader.begun or self.flow.write_paused:
            self._piece = b""
        elif self._values_seen is None or not self._repeated_request(data):
            self._piece = data
        else:
            return
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what its client said of itself."""
        self._values_seen = None
        self._piece, self._remembered_head = b"", (b"", 0)
        super().connection_lost(exc)

    def _begin(self, request: ParsedRequest) -> None:
        piece, self._piece = self._piece, b""
        head = None
        if request.method == b"POST":
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
        """Answer a whole request whose head is like the one before; whether it is one."""
        end = data.find(_END) + len(_END)
        if end > 2 * _LONGEST or not self._slot.taken:
            return False
        head = self._values_seen
        assert head is not None  # noqa: S101 - as its parts are
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
        """The values of the varying lines, where `data` is else the head that is remembered."""
        parts = _VARYING.split(data)
        values = parts[2::3]
        if len(values) != len(self._names):
            return None
        parts[2::3] = [b""] * len(values)
        told = values[self._length]
        if parts != self._parts or not told.isdigit() or len(told) > _DIGITS or int(told) != length:
            return None
        return values

    def _respond(self, head: RequestHead, body: bytes) -> None:
        reply = self._direct.known(head, body)
        if reply is not None:
            self._write(reply)
            return
        self._answering = True
        self._deadlines.begun()
        self._run(self._respond_later(self._direct.reply(head, body, self._when_hung_up)))

    async def _respond_later(self, answering: Coroutine[Any, Any, HTTPResponse | None]) -> None:
        """Send the answer when it is there."""
        reply = None
        try:
            reply = await answering
        finally:
            if reply is None:
                self.transport.close()
        if reply is not None and self._slot.taken:
            self._write(reply)
            self._answered()

    def _send_whole(self, scope: Scope, reply: HTTPResponse) -> bool:
        """Send an application's whole answer as uvicorn would in two parts; whether that was done.

        It is asked by the scope, which must not lead to what leads to it: what is left over from
        each request would otherwise be garbage that only a collection finds, in tens of ms.
        """
        exchange = self._exchange
        if exchange is None or exchange.scope is not scope or scope["method"] == "HEAD":
            return False
        exchange.response_started = exchange.response_complete = True
        self._write(reply)
        self._answered()
        return True

    def _write(self, reply: HTTPResponse) -> None:
        headers, lines = self._common
        if headers is not self.server_state.default_headers:  # made again each second, for the date
            headers = self.server_state.default_headers
            lines = b"".join([b"%b: %b\r\n" % header for header in headers])
            self._common = headers, lines
        last = self._last
        self.transport.write(reply.to_http11(lines + b"connection: close\r\n" if last else lines))
        if last:
            self.transport.close()
