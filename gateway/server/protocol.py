"""One client's connection on uvicorn's server: one request at a time, each in time and in bounds.

A request is answered once all of it has come, and the next is read once that answer has been
written and taken: what a client sends ahead stays bytes, and then is left in the kernel.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.utils import get_local_addr, get_remote_addr

from gateway.server.exchange import (
    REQUEST_TIMEOUT,
    TOO_MANY_CONNECTIONS,
    ConnectionFlow,
    Exchange,
    refused,
    scope_of,
)
from gateway.server.http1.deadlines import BODY, HEAD, Deadlines
from gateway.server.http1.head import ProtocolError
from gateway.server.http1.limits import ConnectionSlot
from gateway.server.http1.reader import RequestReader
from gateway.web.protocol.disconnect import DISCONNECT
from gateway.web.protocol.head import RequestHead

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import uvicorn
    from uvicorn.server import ServerState

    from gateway.server.http1.limits import ConnectionCounter, ConnectionLimits
    from gateway.server.http1.reader import ParsedRequest
    from gateway.web.protocol.cors import Cors

_LINGER_SECONDS = 1.0
"""Seconds for which a connection that was refused may still read why."""
_AT_ONCE = 4
"""Requests of one connection that are answered before others have their turn."""
_UNREAD = 16 * 1024
"""Bytes of answers that wait in this process before no other is made."""
_AHEAD = 64 * 1024
"""Bytes sent ahead that are read: the rest stays in the kernel, where a hang-up is not seen."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class LimitedHTTPProtocol(asyncio.Protocol):
    """One client's connection, answered by an ASGI application."""

    def __init__(  # noqa: PLR0913 - uvicorn's own arguments, and ours by name
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        patience: ConnectionLimits,
        crowd: ConnectionCounter,
        cors: Cors,
    ) -> None:
        self.loop = _loop or asyncio.get_event_loop()
        self.server_state = server_state
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # until there is one
        self.flow: ConnectionFlow = None  # type: ignore[assignment]
        self._config = config
        self._app_state = app_state
        self._crowd = crowd
        self._slot = ConnectionSlot(crowd)
        self._cors = cors
        self._reader = RequestReader(patience)
        self._deadlines = Deadlines(
            self.loop, patience, late=self._on_timeout, idle=self._close, stalled=self._abort
        )
        self._answering = False
        """Whether a request is being answered: the next one waits."""
        self._exchange: Exchange | None = None
        self._last = False
        """Whether no request is taken after the one that is answered."""
        self._requests = 0
        """Requests that have arrived whole."""
        self._reading = True
        self._hang_up: Callable[[], None] | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, or refuse it."""
        self.server_state.connections.add(self)  # type: ignore[arg-type]  # as good as uvicorn's
        self.transport = transport  # type: ignore[assignment]  # a stream's one
        self.transport.set_write_buffer_limits(high=_UNREAD)
        self.flow = ConnectionFlow(self.transport)
        client = get_remote_addr(self.transport)
        if self._slot.acquire(client[0] if client else ""):
            self._deadlines.expect(HEAD)
        else:
            self._reject(TOO_MANY_CONNECTIONS)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request, of several, or of nothing."""
        if not self._slot.taken or self._last:
            self._read(on=self._slot.taken)
            return
        self._deadlines.begun()
        self._reader.feed(data)
        self._proceed()

    def pause_writing(self) -> None:
        """Begin nothing more for a client that lets its answers lie."""
        self.flow.pause_writing()
        self._deadlines.unread()
        self._account()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self.flow.resume_writing()
        self._deadlines.read()
        if self._reader.waiting or self._slot.held:
            self._proceed()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whoever ended it
        """Let go of all that was held for it."""
        self.server_state.connections.discard(self)
        self._deadlines.cancel()
        if self._hang_up is not None:
            self._hang_up()
            self._hang_up = None
        self._abandon()
        self.flow.resume_writing()
        self._slot.release()
        self._reader.close()

    def shutdown(self) -> None:
        """Answer what is being answered, then close (uvicorn calls this as it drains)."""
        self._last = True
        if not self._answering:
            self.transport.close()
        elif self._exchange is not None:
            self._exchange.keep_alive = False

    # Requests.

    def _proceed(self) -> None:
        """Answer the requests that have come, one after the other."""
        for _ in range(_AT_ONCE):
            if not self._slot.taken or self.transport.is_closing():
                return
            if self._answering or self.flow.write_paused:
                self._read(on=self._reader.waiting < _AHEAD)
                self._account()
                return
            try:
                request = self._reader.next()
            except ProtocolError as why:
                self._reject(why)
                return
            if request is None:
                self._wait()
                return
            self._requests += 1
            self._deadlines.expect(None)
            if not request.keep_alive:
                self._last = True
                self._reader.clear()  # RFC 9112, 9.6: nothing after it is a request
            self._begin(request)
        self.loop.call_soon(self._proceed)

    def _wait(self) -> None:
        """Wait for the rest of a request, or for another one."""
        reader = self._reader
        self._read(on=True)
        if reader.begun:
            self._deadlines.expect(BODY if reader.in_body else HEAD, self._requests)
            if reader.continues():
                self.transport.write(_CONTINUE)
        elif self._requests:
            self._deadlines.answered()
        if reader.held or self._slot.held:
            self._account()

    def _begin(self, request: ParsedRequest) -> None:
        """Answer a whole request."""
        self._start_exchange(request, {DISCONNECT: {"when": self._when_hung_up}})

    def _start_exchange(self, request: ParsedRequest, extensions: dict[str, Any]) -> None:
        """Have the application answer."""
        scope = scope_of(
            request,
            asgi=self._config.asgi_version,
            server=get_local_addr(self.transport),
            client=get_remote_addr(self.transport),
            state=self._app_state.copy(),
            extensions=extensions,
        )
        self._answering = True
        self._exchange = exchange = Exchange(
            scope,
            request.body,
            transport=self.transport,
            flow=self.flow,
            default_headers=self.server_state.default_headers,
            keep_alive=not self._last,
            on_response=self._answered,
        )
        app: Any = self._config.loaded_app
        self._run(exchange.run_asgi(app))

    def _run(self, answering: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(answering)
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    def _answered(self) -> None:
        """Go on to the next request: this one's answer has been written."""
        self._answering = False
        self._exchange = None
        self.server_state.total_requests += 1
        if self._last:
            self.transport.close()
        elif self._slot.taken:
            self._proceed()

    def _when_hung_up(self, act: Callable[[], None] | None) -> None:
        self._hang_up = act

    # Memory.

    def _read(self, *, on: bool) -> None:
        """Read on, or leave in the kernel what comes."""
        if on is not self._reading:
            self._reading = on
            if on:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _account(self) -> None:
        """Count the bytes held for this connection, and end it where all hold too many."""
        held = self._reader.held
        if self.flow.write_paused:
            held += self.transport.get_write_buffer_size()
        if not self._slot.hold(held):
            self._reject(TOO_MANY_CONNECTIONS)

    # The end.

    def _abandon(self) -> None:
        """Have the application know that the client has left."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None and not exchange.response_complete:
            exchange.disconnected = True
            exchange.message_event.set()

    def _on_timeout(self) -> None:
        self._reject(REQUEST_TIMEOUT)

    def _close(self) -> None:
        self.transport.close()

    def _abort(self) -> None:
        self.transport.abort()

    def _reject(self, why: ProtocolError) -> None:
        """Say why and close, once the client has had the time to read it."""
        if self.transport.is_closing():
            return
        self._deadlines.expect(None)
        self._slot.release()
        if self._answering or self.flow.write_paused:
            self.transport.abort()  # an answer stands before it: no room to say why
            return
        head = RequestHead(self._reader.named())
        self.transport.write(refused(why, head, self._cors, self.server_state.default_headers))
        self._reader.clear()
        if not self._crowd.linger():
            self.transport.close()
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self._part)

    def _part(self) -> None:
        self._crowd.lingered()
        self.transport.abort()
