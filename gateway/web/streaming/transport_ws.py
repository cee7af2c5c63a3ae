"""The protocol graphql-transport-ws: messages of one WebSocket, without its bytes.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import orjson

from gateway.web.authentication import Authenticator
from gateway.web.error_format import request_error
from gateway.web.protocol.event_stream import Events, EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import Headers, HTTPResponse
from gateway.web.protocol.strict_json import InvalidJSON, loads_unique
from gateway.web.request import HTTPRequest, RequestHandler
from gateway.web.streaming.connection_init import InvalidCredential, operation_head
from gateway.web.streaming.socket_operation import SocketOperation
from schema.source.errors import Unauthenticated

SUBPROTOCOL = "graphql-transport-ws"
GOING_AWAY = 1001
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN = 4400, 4401, 4403
SUBPROTOCOL_NOT_ACCEPTABLE, INITIALISATION_TIMEOUT = 4406, 4408
SUBSCRIBER_EXISTS, TOO_MANY_INITIALISATIONS = 4409, 4429
"""Codes of the protocol by which the server closes."""
MAX_ID = 128
"""Characters of the id of an operation."""

_ACK = b'{"type":"connection_ack"}'
_PONG = b'{"type":"pong"}'


class SocketLimits(NamedTuple):
    """Bounds of one connection."""

    init_seconds: float = 3.0
    """From the opening to `connection_init`."""
    operations: int = 100
    """Operations under way."""


class Socket(Protocol):
    """The sending side of a WebSocket."""

    @property
    def is_writable(self) -> bool:
        """Return False while the client does not read."""

    def send(self, message: bytes) -> None:
        """Send one text message."""

    def close(self, code: int, reason: str) -> None:
        """Close with a code; a second call has no effect."""


class _Invalid(Exception):
    """A message that the protocol does not have."""


class SocketSession:
    """The operations of one WebSocket.

    `headers` are those of the handshake. Credentials in the payload of `connection_init`, which
    browsers need, take the place of those in the headers.
    """

    __slots__ = (
        "_callers",
        "_handler",
        "_head",
        "_headers",
        "_is_stopping",
        "_limits",
        "_operations",
        "_socket",
        "_timer",
    )

    def __init__(
        self,
        socket: Socket,
        headers: Headers,
        handler: RequestHandler,
        callers: Authenticator,
        limits: SocketLimits,
    ) -> None:
        self._socket = socket
        self._headers: Headers | None = headers
        """None once the connection is initialised."""
        self._handler = handler
        self._callers = callers
        self._limits = limits
        self._head: RequestHead | None = None
        """The head of each operation; None before `connection_init`."""
        self._operations: dict[str, SocketOperation | Events] = {}
        self._is_stopping = False
        self._timer: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(
            limits.init_seconds, self._on_timeout
        )

    def receive(self, message: bytes) -> None:
        """Act on one text message."""
        try:
            parsed = loads_unique(message)
            if not isinstance(parsed, dict):
                raise InvalidJSON("is not a JSON object")
            self._act(parsed.get("type"), parsed)
        except InvalidJSON as why:
            self._socket.close(BAD_REQUEST, f"The message {why}.")
        except _Invalid as why:
            self._socket.close(BAD_REQUEST, str(why))

    def resume(self) -> None:
        """Send what waits: the client reads again."""
        for id in list(self._operations):
            self._flush(id)

    def stop(self) -> None:
        """Close as soon as no query or mutation is under way: the gateway stops."""
        self._is_stopping = True
        if not any(isinstance(each, SocketOperation) for each in self._operations.values()):
            self._socket.close(GOING_AWAY, "The gateway is stopping: connect again.")

    def closed(self) -> None:
        """End all operations: the connection is closed, or is to be."""
        self._cancel_timer()
        operations, self._operations = self._operations, {}
        for operation in operations.values():
            operation.close()

    def _act(self, kind: object, message: Mapping[str, Any]) -> None:
        if kind == "connection_init":
            self._initialise(message.get("payload"))
        elif kind == "ping":
            self._socket.send(_PONG)
        elif kind == "subscribe":
            self._subscribe(_id_of(message), message.get("payload"))
        elif kind == "complete":
            operation = self._operations.pop(_id_of(message), None)
            if operation is not None:
                operation.close()
        elif kind != "pong":
            raise _Invalid("The type of the message is none of graphql-transport-ws.")

    # The connection.

    def _initialise(self, payload: object) -> None:
        headers, self._headers = self._headers, None
        if headers is None:
            self._socket.close(TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
            return
        if payload is not None and not isinstance(payload, dict):
            raise _Invalid("The payload of connection_init must be an object.")
        try:
            head = operation_head(headers, payload or {})
            head.caller(self._callers)
        except InvalidCredential as wrong:
            raise _Invalid(str(wrong)) from None
        except Unauthenticated as failure:
            self._socket.close(FORBIDDEN, failure.message)
            return
        self._cancel_timer()
        self._head = head
        self._socket.send(_ACK)

    def _on_timeout(self) -> None:
        self._timer = None
        self._socket.close(INITIALISATION_TIMEOUT, "Connection initialisation timeout")

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Operations.

    def _subscribe(self, id: str, payload: object) -> None:
        if self._head is None:
            self._socket.close(UNAUTHORIZED, "Unauthorized")
        elif not isinstance(payload, dict):
            raise _Invalid("The payload of subscribe must be an object.")
        elif id in self._operations:
            self._socket.close(SUBSCRIBER_EXISTS, f"Subscriber for {id} already exists")
        elif len(self._operations) >= self._limits.operations:
            self._send_error(id, "LIMIT_EXCEEDED", _TOO_MANY)
        else:
            body = _encode(payload)
            execution = self._operations[id] = SocketOperation()
            asking = HTTPRequest("POST", self._head, body, execution.when_disconnected)
            execution.start(self._execute(id, asking))

    async def _execute(self, id: str, asking: HTTPRequest) -> None:
        body = asking.body or b""
        reply = self._handler.cached(asking.head, body) or await self._handler.reply(asking)
        if id not in self._operations:
            return
        if isinstance(reply, EventStream):
            self._operations[id] = reply.open(partial(self._flush, id))
            self._flush(id)
        else:
            del self._operations[id]
            self._finish(id, reply)
        if self._is_stopping:
            self.stop()

    def _finish(self, id: str, reply: HTTPResponse) -> None:
        """Send the response to a query or a mutation, or the errors of what is not executed."""
        if reply.content.startswith(b'{"data"'):
            self._send(b"next", id, reply.content)
            self._send(b"complete", id)
        else:
            self._send(b"error", id, orjson.dumps(orjson.loads(reply.content)["errors"]))

    def _flush(self, id: str) -> None:
        """Send the events of a subscription for as long as the client reads."""
        events = self._operations.get(id)
        if events is None or isinstance(events, SocketOperation):
            return
        while self._socket.is_writable and (event := events.take()) is not None:
            self._send(b"next", id, event)
        end = events.end
        if end is None or not self._socket.is_writable:
            return
        del self._operations[id]
        events.close()
        if end.closes:
            self.stop()
        else:
            self._send_error(id, end.code, end.message)

    def _send_error(self, id: str, code: str, message: str) -> None:
        assert self._head is not None  # noqa: S101 - an operation was begun
        request_id = self._head.trace().request_id
        self._send(b"error", id, orjson.dumps([request_error(code, message, request_id)]))

    def _send(self, kind: bytes, id: str, payload: bytes | None = None) -> None:
        rest = b"" if payload is None else b',"payload":' + payload
        self._socket.send(b'{"id":%b,"type":"%b"%b}' % (orjson.dumps(id), kind, rest))


_TOO_MANY = "This connection has as many operations as one may have: complete one first."


def _id_of(message: Mapping[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= MAX_ID:
        raise _Invalid(f"The id must be a string of 1 to {MAX_ID} characters.")
    return id


def _encode(payload: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(payload)
    except orjson.JSONEncodeError:  # it encodes fewer levels than it parses
        raise _Invalid("The payload of subscribe has too many levels.") from None
