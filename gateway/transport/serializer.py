"""A request as HTTP/1.1 writes it (RFC 9112), or the refusal to write it."""

from __future__ import annotations

import re
from typing import NamedTuple

import httpx

from gateway.transport.errors import InvalidRequest

_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_METHOD = re.compile(_TOKEN.decode())
_LINE = re.compile(_TOKEN + rb": [\t\x20-\x7e\x80-\xff]*\r\n")
"""A header (RFC 9110, 5.1 and 5.5): nothing in it can begin another."""
_PLAIN = re.compile(rb"[\x21-\x7e]+")
_MANAGED_HEADERS = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"accept-encoding"}
)
"""Headers that say what we do with the connection and can read, which no caller knows."""
_AGENT = b"user-agent"
_NAME = b"User-Agent: clients-gateway\r\n"
METHODS_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
"""Methods that say how long their content is even where there is none (RFC 9110, 8.6)."""


class HeaderBlock:
    """Headers that go with several requests, and are written once for all of them."""

    def __init__(self, *fields: tuple[bytes, bytes]) -> None:
        self.fields = fields
        self._lines = b""

    @property
    def lines(self) -> bytes:
        """As they are written, who asks among them. Raises `Unsendable`, quoting nothing."""
        self._lines = self._lines or self._written()
        return self._lines

    def _written(self) -> bytes:
        name, lines = _NAME, []
        for field, value in self.fields:
            known = field.lower()
            if known in _MANAGED_HEADERS:
                continue
            line = b"%b: %b\r\n" % (field, value)
            if not _LINE.fullmatch(line):
                raise InvalidRequest("a header that no request can carry")
            lines.append(line)
            if known == _AGENT:
                name = b""
        return b"".join((*lines, name))


class Origin(NamedTuple):
    """Whom a connection leads to."""

    secure: bool
    host: str
    port: int


class RequestTarget(httpx.URL):
    """A URL read for the wire. Raises `Unsendable` where HTTP leads nowhere near it."""

    def __init__(self, url: httpx.URL | str) -> None:
        super().__init__(url)
        if self.scheme not in _PORTS or not self.host:
            raise InvalidRequest("not an address of HTTP")
        port = self.port or _PORTS[self.scheme]
        if port > _LAST_PORT:
            raise InvalidRequest("not a port")
        host = self.raw_host.decode("ascii").strip("[]")
        self.origin = Origin(self.scheme == "https", host, port)
        self.place = self.netloc
        """What `Host` says."""
        if not (_PLAIN.fullmatch(self.raw_path) and _PLAIN.fullmatch(self.place)):
            raise InvalidRequest("an address that no request can carry")
        self.start_line = b" %b HTTP/1.1\r\nHost: %b\r\nAccept-Encoding: identity\r\n" % (
            self.raw_path,
            self.place,
        )
        """What follows the method, whatever is asked there."""


def serialize(request: httpx.Request, address: RequestTarget) -> bytes:
    """The bytes of `request`, content included, for one write.

    Raises `Unsendable` for what would be read as something else than it is; nothing of it is
    quoted, for it may be a credential.
    """
    method, content = request.method, request.content
    if not _METHOD.fullmatch(method):
        raise InvalidRequest("a method that no request can carry", request=request)
    heading = getattr(request, "heading", None) or HeaderBlock(*request.headers.raw)
    length = b""
    if content or method in METHODS_WITH_CONTENT:
        length = b"Content-Length: %d\r\n" % len(content)
    return b"%b%b%b%b\r\n%b" % (method.encode(), address.start_line, heading.lines, length, content)
