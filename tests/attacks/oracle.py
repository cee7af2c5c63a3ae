"""The requests that h11, a parser of its own, finds in a stream of bytes."""

from typing import NamedTuple

import h11

_ANSWER = h11.Response(status_code=404, headers=[("content-length", "0")])


class Seen(NamedTuple):
    """One request, as a server acts on it."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    """Without trailers; names in lower case."""
    body: bytes


class Found(NamedTuple):
    """What a parser makes of a stream."""

    requests: list[Seen]
    refused: bool
    """Whether what follows them is no request."""


def found(raw: bytes) -> Found:
    """What h11 makes of a stream that has ended."""
    requests: list[Seen] = []
    while True:
        while raw.startswith(b"\r\n"):  # which h11 leaves to its user (RFC 9112, 2.2)
            raw = raw[2:]
        if not raw:
            return Found(requests, refused=False)
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(raw)
        try:
            request = _request(connection)
        except h11.RemoteProtocolError:
            return Found(requests, refused=True)
        if request is None:
            return Found(requests, refused=False)
        requests.append(request)
        connection.send(_ANSWER)
        connection.send(h11.EndOfMessage())
        if connection.our_state is h11.MUST_CLOSE:
            return Found(requests, refused=False)
        connection.start_next_cycle()
        raw = bytes(connection.trailing_data[0])


def _request(connection: h11.Connection) -> Seen | None:
    """The next request; None where it does not end."""
    request, body = None, b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA or event is h11.PAUSED:
            return None
        if isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
    assert request is not None
    return Seen(request.method, request.target, tuple(request.headers), body)
