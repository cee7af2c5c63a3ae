"""Connections on uvicorn that answer at once what is known, before an application is started.

An ASGI exchange costs as much as a bare server takes for all else; a question asked before needs
none. Where one is needed, its answer is sent whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from gateway.connections import Connection
from gateway.web.head import HELD, Held
from gateway.web.reply import WHOLE

if TYPE_CHECKING:
    from starlette.types import Scope

    from gateway.web.head import Head
    from gateway.web.reply import Headers, Reply


class Known(Protocol):
    """What answers are known, or may be."""

    def head(self, path: bytes, headers: Headers) -> Head | None:
        """The head of a POST to `path`, where its answer may be known."""

    def reply(self, head: Head, body: bytes) -> Reply | None:
        """The answer to it, if it is known."""


_HEADS = 8
"""Heads of requests remembered for one connection: they differ in the length of a body."""
_END = b"\r\n\r\n"
_NONE = (None, 0)


class Prompt(Connection):
    """One client's connection, `known` asked before the application.

    Only what came in one piece is held for it; all else goes the way of any request. A head that
    came before on this connection, byte for byte, is not read again.
    """

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - uvicorn's own
        known: Known | None,
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **named)
        self._known = known
        self._heads: dict[bytes, tuple[Head, int]] = {}
        """What such a head says, and how long the body is that follows."""
        self._data = b""
        """What is being read, where it begins with a request."""
        self._head: Head | None = None
        """Of the request that is held: its body may come along."""
        self._body = b""
        self._in_vain: Held | None = None
        """What is being read, if its answer was looked for already."""

    def data_received(self, data: bytes) -> None:
        """A piece of a request, of several, or of nothing."""
        self._data = data if self._between() else b""
        if self._data and self._told_again(data):
            return
        super().data_received(data)
        if self._head is not None and not self.transport.is_closing():
            self._pass_on(self._head, whole=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over; what its client said of itself is forgotten."""
        self._heads.clear()
        self._data = b""
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """The head is there: the application starts, unless the answer may be known."""
        held, self._in_vain = self._in_vain, None
        if held is None and self._known is not None and self._may_tell() and self._is_post():
            self._head = self._known.head(self.url, self.headers)
        if self._head is None:
            self._start(held)
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
        head = self._head
        if head is not None and not self._told(head):
            self._pass_on(head, whole=True)
        if self._head is None:
            super().on_message_complete()
        else:
            self._head, self._body = None, b""
            self._request_is_here()

    def _may_tell(self) -> bool:
        return not (self._answering() or self.flow.write_paused)

    def _is_post(self) -> bool:
        return bool(self.parser.get_method() == b"POST")

    def _told_again(self, data: bytes) -> bool:
        """Answer a request whose head came before, if its answer is known."""
        end = data.find(_END) + len(_END)
        head, length = self._heads.get(data[:end], _NONE)
        if head is None or end + length != len(data) or not self._may_tell():
            return False
        return self._answered(head, data[end:], keeps=True)

    def _told(self, head: Head) -> bool:
        """Answer the request that is held, if its answer is known."""
        keeps = self.parser.should_keep_alive()
        end = self._data.find(_END) + len(_END)
        if keeps and end + len(self._body) == len(self._data):
            if len(self._heads) == _HEADS:
                self._heads.clear()
            self._heads[self._data[:end]] = head, len(self._body)
        return self._answered(head, self._body, keeps=keeps)

    def _answered(self, head: Head, body: bytes, *, keeps: bool) -> bool:
        assert self._known is not None  # noqa: S101 - or there was no head
        reply = self._known.reply(head, body)
        if reply is None:
            self._in_vain = Held(head, body)
            return False
        self._write(reply, keeps=keeps)
        return True

    def _pass_on(self, head: Head, *, whole: bool) -> None:
        """To the application, what was held."""
        body, self._head, self._body = self._body, None, b""
        self._in_vain = None
        self._start(Held(head, body) if whole else None)
        if body:
            super().on_body(body)

    def _start(self, held: Held | None) -> None:
        super().on_headers_complete()
        extensions = self.scope["extensions"]
        extensions[WHOLE] = {"send": self._send_whole}
        if held is not None:
            extensions[HELD] = {"request": held}

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
        more = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        if not keeps:
            more.append(b"connection: close\r\n")
        self.transport.write(reply.http1(b"".join(more)))
        if not keeps:
            self.transport.close()
        self.on_response_complete()
