"""One client connection, which handles one request at a time within limits and deadlines.

A request is answered once it has arrived completely. The next one is parsed after the response
has been written and the client has read it; until then pipelined bytes are buffered, and beyond
`_AHEAD` left in the kernel. A pipelined request waits for the connection's turn (`TurnQueue`), and
so does each piece of a request after the first ones; while it waits, nothing is read.
"""

import asyncio
from abc import ABC, abstractmethod

from gateway.server.exchange import REQUEST_TIMEOUT, TOO_MANY_CONNECTIONS, refused
from gateway.server.http1.deadlines import BODY, HEAD, Deadlines
from gateway.server.http1.head import ProtocolError
from gateway.server.http1.limits import ConnectionCounter, ConnectionLimits, ConnectionSlot
from gateway.server.http1.lingering import LingeringClose
from gateway.server.http1.reader import ParsedRequest, RequestReader
from gateway.server.http1.turns import TurnQueue
from gateway.server.undocumented import FlowControl, ServerState, get_remote_addr
from gateway.web.protocol.cors import Cors
from gateway.web.protocol.head import RequestHead

_UNREAD = 16 * 1024
"""Bytes of unsent responses in this process at which no further response is made."""
_AHEAD = 64 * 1024
"""Pipelined bytes that are read; the rest stays in the kernel and hides a disconnect."""
_PIECES = 2
"""Pieces of a request that wait for no turn: clients often send head and body apart."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class LimitedConnection(asyncio.Protocol, ABC):
    """One client connection; a subclass answers its requests."""

    def __init__(  # noqa: PLR0913 - state shared by connections, by name
        self,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
        *,
        patience: ConnectionLimits,
        crowd: ConnectionCounter,
        turns: TurnQueue,
        cors: Cors,
    ) -> None:
        self.loop = loop
        self.server_state = server_state
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set in `connection_made`
        self.flow: FlowControl = None  # type: ignore[assignment]
        self._lingering = LingeringClose(loop, crowd)
        self._turns = turns
        self._queued = False
        """True while the connection waits for its turn."""
        self._slot = ConnectionSlot(crowd)
        self._cors = cors
        self._reader = RequestReader(patience)
        self._deadlines = Deadlines(
            self.loop,
            patience,
            late=lambda: self._reject(REQUEST_TIMEOUT),
            idle=lambda: self.transport.close(),  # noqa: PLW0108 - the transport is set later
            stalled=lambda: self.transport.abort(),  # noqa: PLW0108 - the same
        )
        self._answering = False
        """True while a request is being answered; the next one waits."""
        self._last = False
        """True if no request is accepted after the current one."""
        self._requests = 0
        """Number of requests that have arrived completely."""
        self._pieces = 0
        """Number of times that bytes of the current request were received."""
        self._reading = True

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, or reject it."""
        self.server_state.connections.add(self)  # type: ignore[arg-type]  # it has the methods that uvicorn uses
        self.transport = transport  # type: ignore[assignment]  # a stream transport
        self.transport.set_write_buffer_limits(high=_UNREAD)
        self.flow = FlowControl(self.transport)
        address, _ = get_remote_addr(self.transport) or ("", 0)
        if self._slot.acquire(address):
            self._deadlines.expect(HEAD)
        else:
            self._reject(TOO_MANY_CONNECTIONS)

    def data_received(self, data: bytes) -> None:
        """Accept bytes, which may hold a part of a request or several requests."""
        if not self._slot.taken or self._last:
            self._read(on=self._slot.taken)
            return
        self._deadlines.begun()
        self._pieces = self._pieces + 1 if self._reader.begun else 1
        self._reader.feed(data)
        if self._queued:
            self._account()
        elif self._pieces > _PIECES:
            self._proceed_in_turn()
        else:
            self._proceed()

    def pause_writing(self) -> None:
        """Start no further response while the client does not read."""
        self.flow.pause_writing()
        self._deadlines.unread()
        self._account()

    def resume_writing(self) -> None:
        """Continue after the client has read its responses."""
        self.flow.resume_writing()
        self._deadlines.read()
        if self._reader.waiting or self._slot.held:
            self._proceed_in_turn()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the cause is irrelevant
        """Release everything that is held for the connection."""
        self.server_state.connections.discard(self)
        self._deadlines.cancel()
        self._abandon()
        self.flow.resume_writing()
        self._lingering.ended()
        self._slot.release()
        self._reader.close()

    def shutdown(self) -> None:
        """Finish the current response, then close (uvicorn calls this when it drains)."""
        self._last = True
        if self._answering:
            self._end_after_answer()
        else:
            self.transport.close()

    # Requests.

    def _proceed(self) -> None:
        """Answer the next request if it has arrived completely."""
        if not self._slot.taken or self.transport.is_closing():
            return
        if self._answering or self.flow.write_paused:
            self._read(on=self._reader.waiting < _AHEAD)
            self._account()
            return
        try:
            request = self._reader.next() if self._reader.begun else None
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
            self._reader.clear()  # RFC 9112, 9.6: later bytes are not a request
        self._begin(request)
        self._proceed_in_turn()

    def _proceed_in_turn(self) -> None:
        """Continue; what is buffered waits for this connection's turn."""
        if not self._reader.waiting or self._answering or self.flow.write_paused:
            self._proceed()
            return
        if self.transport.is_closing():
            return
        if not self._queued:
            self._queued = True
            self._turns.join(self.loop, self._take_turn)
        self._read(on=False)
        self._account()

    def _take_turn(self) -> None:
        self._queued = False
        self._proceed()

    def _wait(self) -> None:
        """Wait for the rest of a request, or for the next one."""
        reader = self._reader
        if reader.begun:
            self._deadlines.expect(BODY if reader.in_body else HEAD, self._requests)
            if reader.continues():
                self.transport.write(_CONTINUE)
        elif self._requests:
            self._deadlines.answered()
        if reader.interrupted:
            self._proceed_in_turn()
            return
        self._read(on=True)
        if reader.held or self._slot.held:
            self._account()

    @abstractmethod
    def _begin(self, request: ParsedRequest) -> None:
        """Answer a request: immediately, or set `_answering` until `_answered` is called."""

    @abstractmethod
    def _abandon(self) -> None:
        """Drop the response in progress: the client has disconnected."""

    @abstractmethod
    def _end_after_answer(self) -> None:
        """Announce `Connection: close` in the response in progress."""

    def _answered(self) -> None:
        """Continue with the next request after a response has been written."""
        self._answering = False
        self.server_state.total_requests += 1
        if self._last:
            self._close()
        elif self._slot.taken:
            self._proceed_in_turn()

    # Memory.

    def _read(self, *, on: bool) -> None:
        """Resume or pause reading from the socket."""
        if on is not self._reading:
            self._reading = on
            if on:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _account(self) -> None:
        """Count the bytes held for this connection; close it if all connections hold too many."""
        held = self._reader.held
        if self.flow.write_paused:
            held += self.transport.get_write_buffer_size()
        if not self._slot.hold(held):
            self._reject(TOO_MANY_CONNECTIONS)

    # Closing.

    def _close(self) -> None:
        """Close after the last response: what is unsent still goes out, and the client reads it."""
        self._slot.release()
        self._lingering.begin(self.transport, self.transport.close)

    def _reject(self, why: ProtocolError) -> None:
        """Send the error response, then close after the client has had time to read it."""
        if self.transport.is_closing():
            return
        self._deadlines.expect(None)
        self._slot.release()
        if self._answering or self.flow.write_paused:
            self.transport.abort()  # a response is unfinished: no error response can follow
            return
        head = RequestHead(self._reader.named())
        self.transport.write(refused(why, head, self._cors, self.server_state.default_headers))
        self._reader.clear()
        self._lingering.begin(self.transport, self.transport.abort)
