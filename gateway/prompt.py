"""Connections on uvicorn that ask for an answer themselves, where a question is plain.

An ASGI exchange costs as much as a bare server takes for all else. A question that came in one
piece needs none: what is known is told at once, what is not when it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.connections import Connection
from gateway.web.reply import WHOLE

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Scope

    from gateway.web.direct import Direct
    from gateway.web.head import Head
    from gateway.web.reply import Headers, Reply


_HEADS = 8
"""Heads of requests remembered for one connection: they differ in the length of a body."""
_END = b"\r\n\r\n"
_NONE = (None, 0)


class _Unheard:
    """An event that nobody waits for."""

    def set(self) -> None:
        """It happened."""


class Exchange:
    """A request that is being answered without an application, as uvicorn sees it."""

    scope = None
    response_started = False
    message_event = _Unheard()

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False


class Prompt(Connection):
    """One client's connection, `direct` asked before the application.

    Only what came in one piece is held for it; all else goes the way of any request. A head that
    came before on this connection, byte for byte, is not read again.
    """

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - uvicorn's own
        direct: Direct,
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **named)
        self._direct = direct
        self._heads: dict[bytes, tuple[Head, int]] = {}
        """What such a head says, and how long the body is that follows."""
        self._data = b""
        """What is being read, where it begins with a request."""
        self._head: Head | None = None
        """Of the request that is held: its body may come along."""
        self._body = b""
        self._common: tuple[Headers | None, bytes] = None, b""
        """What the server says in every answer, and its lines."""

    def data_received(self, data: bytes) -> None:
        """A piece of a request, of several, or of nothing."""
        self._data = data if self._between() else b""
        if self._data and self._asked_again(data):
            return
        super().data_received(data)
        if self._head is not None and not self.transport.is_closing():
            self._pass_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over; what its client said of itself is forgotten."""
        self._heads.clear()
        self._data = b""
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """The head is there: the application starts, unless it may not be needed."""
        if self._may_tell() and self.parser.get_method() == b"POST":
            self._head = self._direct.head(self.url, self.headers)
        if self._head is None:
            self._start()
        else:
            self._head_is_here()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._head is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """All of it is there."""
        head, body = self._held()
        if head is None:
            super().on_message_complete()
            return
        self._request_is_here()
        keeps = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        end = self._data.find(_END) + len(_END)
        if keeps and end + len(body) == len(self._data):
            if len(self._heads) == _HEADS:
                self._heads.clear()
            self._heads[self._data[:end]] = head, len(body)
        self._answer(head, body, keeps=keeps)

    def _may_tell(self) -> bool:
        return not (self._answering() or self.flow.write_paused or self._address is None)

    def _held(self) -> tuple[Head | None, bytes]:
        """The request that is held, no more."""
        head, body = self._head, self._body
        self._head, self._body = None, b""
        return head, body

    def _asked_again(self, data: bytes) -> bool:
        """Answer a request whose head came before; whether it is one."""
        end = data.find(_END) + len(_END)
        head, length = self._heads.get(data[:end], _NONE)
        if head is None or end + length != len(data) or not self._may_tell():
            return False
        self._unset_keepalive_if_required()
        self._answer(head, data[end:], keeps=True)
        return True

    def _answer(self, head: Head, body: bytes, *, keeps: bool) -> None:
        reply = self._direct.known(head, body)
        if reply is not None:
            self._write(reply, keeps=keeps)
            return
        self.cycle = exchange = Exchange(keep_alive=keeps)  # type: ignore[assignment]
        answering = self._direct.reply(head, body, self._when_hung_up)
        task = self.loop.create_task(self._tell(exchange, answering))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _tell(self, exchange: Exchange, answering: Coroutine[Any, Any, Reply | None]) -> None:
        """Tell the answer when it is there, and when the client has read what came before."""
        reply = None
        try:
            reply = await answering
            if self.flow.write_paused:
                await self.flow.drain()
        finally:
            exchange.response_complete = True
            if reply is None:
                self.transport.close()
        if reply is not None and not exchange.disconnected:
            self._write(reply, keeps=exchange.keep_alive)

    def _pass_on(self) -> None:
        """To the application, what was held."""
        _, body = self._held()
        self._start()
        if body:
            super().on_body(body)

    def _start(self) -> None:
        super().on_headers_complete()
        self.scope["extensions"][WHOLE] = {"send": self._send_whole}

    def _send_whole(self, scope: Scope, reply: Reply) -> bool:
        """Send a whole answer as uvicorn would in two parts, if nothing must be waited for.

        It is asked by the scope, which must not lead to what leads to it: what is left over from
        each request would otherwise be garbage that only a collection finds, in tens of ms.
        """
        cycle = self.cycle
        if cycle.scope is not scope or scope["method"] == "HEAD":  # another one waits already
            return False
        if cycle.disconnected or self.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self._write(reply, keeps=cycle.keep_alive)
        return True

    def _write(self, reply: Reply, *, keeps: bool) -> None:
        headers, lines = self._common
        if headers is not self.server_state.default_headers:  # made anew each second, for the date
            headers = self.server_state.default_headers
            lines = b"".join([b"%b: %b\r\n" % header for header in headers])
            self._common = headers, lines
        self.transport.write(reply.http1(lines if keeps else lines + b"connection: close\r\n"))
        if not keeps:
            self.transport.close()
        self.on_response_complete()
