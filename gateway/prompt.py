"""Connections on uvicorn that answer at once what is known, before an application is started.

An ASGI exchange costs as much as a bare server takes for all else; a question asked before needs
none. Where one is needed, its answer is sent whole.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.connections import Connection
from gateway.web.repeats import ASKED
from gateway.web.reply import WHOLE

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from gateway.web.repeats import Asker
    from gateway.web.reply import Headers, Reply

Known = Callable[[bytes, "Headers"], "Asker | None"]
"""Who asks with a POST of this path and these headers, if its answer may be known."""

_HEADS = 8
"""Heads of requests remembered for one connection: they differ in the length of a body."""
_END = b"\r\n\r\n"
_NOBODY = (None, 0)


class Prompt(Connection):
    """One client's connection, `known` asked before the application.

    Only what came in one piece is held for it; all else goes the way of any request. A head that
    came before on this connection, byte for byte, is not read again.
    """

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - uvicorn's own
        known: Known,
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **named)
        self._known = known
        self._heads: dict[bytes, tuple[Asker, int]] = {}
        """Who asks with such a head, and how long the body is that follows."""
        self._data = b""
        """What is being read, where it begins with a request."""
        self._asker: Asker | None = None
        """Whose question is held: its head has come, and its body may come along."""
        self._body = b""
        self._in_vain = False
        """Whether the answer to what is being read was looked for already."""

    def data_received(self, data: bytes) -> None:
        """A piece of a request, of several, or of nothing."""
        self._data = data if self._between() else b""
        if self._data and self._told_again(data):
            return
        super().data_received(data)
        if self._asker is not None and not self.transport.is_closing():
            self._pass_on()

    def on_headers_complete(self) -> None:
        """The head is there: the application starts, unless the answer may be known."""
        asked, self._in_vain = self._in_vain, False
        if not asked and self._may_tell() and self.parser.get_method() == b"POST":
            self._asker = self._known(self.url, self.headers)
        if self._asker is None:
            self._start(asked=asked)
        else:
            self._head_is_here()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._asker is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """All of it is there."""
        if self._asker is not None and not self._told(self._asker):
            self._pass_on()
        if self._asker is None:
            super().on_message_complete()
        else:
            self._asker, self._body = None, b""
            self._request_is_here()

    def _may_tell(self) -> bool:
        return not (self._answering() or self.flow.write_paused)

    def _told_again(self, data: bytes) -> bool:
        """Answer a request whose head came before, if its answer is known."""
        end = data.find(_END) + len(_END)
        asker, length = self._heads.get(data[:end], _NOBODY)
        if asker is None or end + length != len(data) or not self._may_tell():
            return False
        reply = asker.reply(data[end:])
        self._in_vain = reply is None
        if reply is not None:
            self._write(reply, keeps=True)
        return reply is not None

    def _told(self, asker: Asker) -> bool:
        """Answer the request that is held, if its answer is known."""
        keeps = self.parser.should_keep_alive()
        end = self._data.find(_END) + len(_END)
        if keeps and end + len(self._body) == len(self._data):
            if len(self._heads) == _HEADS:
                self._heads.clear()
            self._heads[self._data[:end]] = asker, len(self._body)
        reply = asker.reply(self._body)
        if reply is not None:
            self._write(reply, keeps=keeps)
        return reply is not None

    def _pass_on(self) -> None:
        """To the application, what was held."""
        body, self._asker, self._body = self._body, None, b""
        self._start(asked=True)
        if body:
            super().on_body(body)

    def _start(self, *, asked: bool) -> None:
        super().on_headers_complete()
        extensions = self.scope["extensions"]
        extensions[WHOLE] = {"send": partial(self._send_whole, self.cycle)}
        if asked:
            extensions[ASKED] = {}

    def _send_whole(self, cycle: RequestResponseCycle, reply: Reply) -> bool:
        """Send a whole answer as `cycle` would in two parts, if nothing must be waited for."""
        if cycle.disconnected or self.flow.write_paused or cycle.scope["method"] == "HEAD":
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
