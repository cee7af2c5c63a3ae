"""The credentials of a WebSocket: in the headers of its handshake, or in `connection_init`."""

from collections.abc import Mapping
from typing import Any

from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import Headers

_CREDENTIALS = (b"x-api-key", b"authorization", b"x-gateway-token")
_OPERATION: Headers = [
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
]
"""Header fields by which an operation has JSON responses, and a subscription has events."""


class InvalidCredential(Exception):
    """A credential of the payload is not a string that a header could have."""


def operation_head(headers: Headers, payload: Mapping[str, Any]) -> RequestHead:
    """Return the head that each operation of the connection has.

    Credentials in the payload, or in its `headers`, take the place of those in the headers: pages
    cannot set any. Raises `InvalidCredential`.
    """
    nested = payload.get("headers")
    named = {**(nested if isinstance(nested, dict) else {}), **payload}
    sent: Headers = []
    for name, value in named.items():
        if name.lower().encode() in _CREDENTIALS:
            if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
                raise InvalidCredential("A credential must be a string of printable ASCII.")
            sent.append((name.lower().encode(), value.encode()))
    own = sent or [each for each in headers if each[0] in _CREDENTIALS]
    return RequestHead([*own, *_OPERATION])
