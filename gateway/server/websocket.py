"""A WebSocket (RFC 6455): its frames, heartbeats, and limits of time and memory.

`websockets` parses and makes the frames. A connection that was upgraded keeps its place among the
connections; what it holds is counted with what they hold.
"""

import asyncio
import base64
import hashlib

from websockets.frames import BINARY, CONT, TEXT, Frame
from websockets.protocol import Protocol, Side

from gateway.server.http1.limits import ConnectionLimits, ConnectionSlot
from gateway.server.http1.turns import TurnQueue
from gateway.server.undocumented import ServerState
from gateway.web.protocol.http_response import Headers
from gateway.web.streaming.transport_ws import (
    BAD_REQUEST,
    SUBPROTOCOL_NOT_ACCEPTABLE,
    SocketSession,
)
from gateway.web.streaming.websocket_endpoint import Handshake, WebSocketEndpoint

HEARTBEAT_SECONDS = 10.0
"""Seconds between two pings."""
NO_PONG, TRY_AGAIN_LATER, MESSAGE_TOO_BIG = 4410, 1013, 1009
CLOSE_SECONDS = 2.0
"""Seconds that the client may take to close after the gateway."""
_PIECE = 1024
"""Bytes that are parsed in one turn: small frames make each byte expensive."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def switching_protocols(handshake: Handshake, default_headers: Headers) -> bytes:
    """Return the response to an accepted handshake (RFC 6455, 4.2.2)."""
    digest = hashlib.sha1(handshake.key.encode() + _GUID, usedforsecurity=False).digest()
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        *(b"%b: %b" % header for header in (*default_headers, *handshake.trace.headers())),
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: " + base64.b64encode(digest),
    ]
    if handshake.subprotocol is not None:
        lines.append(b"sec-websocket-protocol: " + handshake.subprotocol.encode())
    return b"\r\n".join([*lines, b"", b""])


class WebSocketConnection(asyncio.Protocol):
    """One connection after its upgrade."""

    __slots__ = (
        "_close_timer",
        "_fragments",
        "_frames",
        "_heard",
        "_limits",
        "_loop",
        "_queued",
        "_session",
        "_slot",
        "_state",
        "_timer",
        "_transport",
        "_turns",
        "_unread",
        "is_writable",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - what it takes over
        self,
        transport: asyncio.Transport,
        slot: ConnectionSlot,
        turns: TurnQueue,
        limits: ConnectionLimits,
        state: ServerState,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._transport = transport
        self._slot = slot
        self._turns = turns
        self._limits = limits
        self._state = state
        self._loop = loop
        self._frames = Protocol(Side.SERVER, max_size=limits.max_body_bytes)
        self._fragments = bytearray()
        self._unread = b""
        self._queued = False
        self._heard = True
        """Whether anything came since the last heartbeat."""
        self.is_writable = True
        """False while the client does not read."""
        self._session: SocketSession | None = None
        self._timer = loop.call_later(HEARTBEAT_SECONDS, self._beat)
        self._close_timer: asyncio.TimerHandle | None = None

    def begin(self, endpoint: WebSocketEndpoint, handshake: Handshake, early: bytes) -> None:
        """Begin the session; `early` are bytes that came behind the handshake."""
        self._state.connections.add(self)  # type: ignore[arg-type]  # it has the methods that uvicorn uses
        if handshake.subprotocol is None:
            self.close(SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
            return
        self._session = endpoint.open(self, handshake)
        if early:
            self.data_received(early)

    # Callbacks of the transport.

    def data_received(self, data: bytes) -> None:
        """Parse frames, `_PIECE` bytes in each turn of this connection."""
        self._heard = True
        self._unread += data
        if not self._queued:
            self._parse()

    def eof_received(self) -> None:
        """Close: a client that closes its side has left, and may never read what is unread."""
        self._close_later(CLOSE_SECONDS)

    def pause_writing(self) -> None:
        """Send nothing more until the client reads, and give it a time for that."""
        self.is_writable = False
        self._close_later(self._limits.write_timeout)
        self._account()

    def resume_writing(self) -> None:
        """Continue: the client has read."""
        self.is_writable = self._heard = True
        if self._close_timer is not None and not self._is_closing:
            self._close_timer.cancel()
            self._close_timer = None
        self._account()
        if self._session is not None:
            self._session.resume()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the cause is irrelevant
        """Release everything that is held for the connection."""
        self._state.connections.discard(self)
        self._end_session()
        self._timer.cancel()
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._unread = b""
        self._slot.release()

    def shutdown(self) -> None:
        """Close, once no query or mutation is under way: uvicorn calls this when it drains."""
        if self._session is not None:
            self._session.stop()

    # Messages.

    def send(self, message: bytes) -> None:
        """Send one text message."""
        if not self._is_closing:
            self._frames.send_text(message)
            self._write()
            if not self.is_writable:
                self._account()

    def close(self, code: int, reason: str) -> None:
        """Close with a code; a second call has no effect."""
        if self._is_closing:
            return
        self._end_session()
        self._frames.send_close(code, reason[:120])
        self._write()
        self._close_later(CLOSE_SECONDS)

    @property
    def _is_closing(self) -> bool:
        return self._frames.close_sent is not None or self._transport.is_closing()

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.closed()

    def _parse(self) -> None:
        """Parse the next piece; the rest waits for this connection's turn."""
        was_queued, self._queued = self._queued, False
        if self._transport.is_closing():
            return
        piece, self._unread = self._unread[:_PIECE], self._unread[_PIECE:]
        self._frames.receive_data(piece)
        for event in self._frames.events_received():
            if isinstance(event, Frame):
                self._accept(event)
        self._write()
        if self._frames.close_expected():
            self._end_session()
            self._close_later(CLOSE_SECONDS)
        self._account()
        if self._transport.is_closing():
            return
        if self._unread:
            self._queued = True
            if not was_queued:
                self._transport.pause_reading()
            self._turns.join(self._loop, self._parse)
        elif was_queued:
            self._transport.resume_reading()

    def _accept(self, frame: Frame) -> None:
        if frame.opcode in {TEXT, BINARY}:
            self._fragments.clear()
        elif frame.opcode is not CONT:
            return
        if frame.opcode is BINARY:
            self.close(BAD_REQUEST, "Messages are texts.")
            return
        self._fragments += frame.data
        if frame.fin:
            message, self._fragments = bytes(self._fragments), bytearray()
            if self._session is not None:
                self._session.receive(message)

    def _write(self) -> None:
        for piece in self._frames.data_to_send():
            if piece:
                self._transport.write(piece)
            elif self._transport.can_write_eof():
                self._transport.write_eof()

    # Limits.

    def _account(self) -> None:
        """Count the bytes held for this connection; end it if all connections hold too many."""
        held = len(self._unread) + len(self._fragments) + len(self._frames.reader.buffer)
        if not self.is_writable:
            held += self._transport.get_write_buffer_size()
        if not (held or self._slot.held) or self._slot.hold(held):
            return
        self.close(TRY_AGAIN_LATER, "The gateway holds too much for its connections.")
        if not self.is_writable:
            self._transport.abort()  # else what it does not read is held for longer

    def _beat(self) -> None:
        """Send a ping; close if nothing came since the last one.

        A client that does not read gets none: it has until `pause_writing` ends its time.
        """
        if self.is_writable and not self._heard:
            self.close(NO_PONG, "No pong came.")
            return
        if self.is_writable and not self._is_closing:
            self._heard = False
            self._frames.send_ping(b"")
            self._write()
        self._timer = self._loop.call_later(HEARTBEAT_SECONDS, self._beat)

    def _close_later(self, seconds: float) -> None:
        if self._close_timer is None:
            self._close_timer = self._loop.call_later(seconds, self._transport.abort)
