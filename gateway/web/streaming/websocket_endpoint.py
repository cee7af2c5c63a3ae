"""The handshake of a WebSocket at the GraphQL endpoint (RFC 6455, 4.2)."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from gateway.web.authentication import Authenticator
from gateway.web.protocol.cors import Cors
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.hosts import Hosts
from gateway.web.protocol.http_response import Headers, HTTPResponse
from gateway.web.protocol.tracing import Trace
from gateway.web.refusals import error_response
from gateway.web.request import RequestHandler
from gateway.web.streaming.transport_ws import SUBPROTOCOL, Socket, SocketLimits, SocketSession

_KEY_BYTES = 16
_VERSION = (b"sec-websocket-version", b"13")


class Handshake(NamedTuple):
    """An accepted handshake."""

    key: str
    """The client's key, which the response proves to have read."""
    subprotocol: str | None
    """None if the client offers none that is spoken here: the connection is then closed."""
    headers: Headers
    trace: Trace


@dataclass(eq=False, repr=False)
class WebSocketEndpoint:
    """Accepts handshakes at `path`, and opens the sessions of accepted ones."""

    _path: str
    _handler: RequestHandler
    _callers: Authenticator
    _hosts: Hosts
    _cors: Cors
    _limits: SocketLimits
    drain: Callable[[], None]
    """Ends all subscriptions, of whatever transport."""

    def accept(self, target: bytes, headers: Headers) -> Handshake | HTTPResponse | None:
        """Return the handshake, or its refusal; None if this is not a handshake at the endpoint.

        An upgrade without a key is ignored, as others are (RFC 9110, 7.8).
        """
        named = dict(headers)
        upgrade = named.get(b"upgrade", b"").lower()
        if upgrade != b"websocket" or b"sec-websocket-key" not in named:
            return None
        if target.partition(b"?")[0] != self._path.encode():
            return None
        head = RequestHead(headers)
        refusal = self._refuse(head)
        if refusal is not None:
            return refusal
        key = head.first(b"sec-websocket-key", only=True) or b""
        offered = (head.first(b"sec-websocket-protocol") or b"").decode("latin-1").split(",")
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in map(str.strip, offered) else None
        return Handshake(key.decode("ascii"), subprotocol, headers, head.trace())

    def open(self, socket: Socket, handshake: Handshake) -> SocketSession:
        """Return the session of an accepted handshake."""
        return SocketSession(socket, handshake.headers, self._handler, self._callers, self._limits)

    def _refuse(self, head: RequestHead) -> HTTPResponse | None:
        trace = head.trace()
        if not self._hosts.allow(head):
            return error_response(421, "The name in Host is none of this gateway.", trace)
        if head.first(b"sec-websocket-version", only=True) != b"13":
            why = "Send Sec-WebSocket-Version: 13."
            return error_response(426, why, trace, own=[_VERSION])
        if not _is_key(head.first(b"sec-websocket-key", only=True) or b""):
            return error_response(400, "Sec-WebSocket-Key must be 16 bytes in base64.", trace)
        if not self._is_allowed_origin(head):
            why = "Pages of this origin may not connect."
            return error_response(403, why, trace, code="FORBIDDEN")
        return None

    def _is_allowed_origin(self, head: RequestHead) -> bool:
        """Return False for a page of another origin that CORS does not allow.

        Browsers send Origin with every handshake and check nothing themselves (RFC 6455, 10.2).
        """
        if not head.headers.get(b"origin"):
            return True
        origin = head.origin
        if origin is None:
            return False
        own = head.first(b"host", only=True) or b""
        return bool(self._cors.headers(origin)) or origin.partition(b"://")[2] == own


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False
