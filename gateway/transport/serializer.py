"""Serialise requests as HTTP/1.1 (RFC 9112), or reject them."""

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
"""A header line (RFC 9110, 5.1 and 5.5); its value cannot start another header."""
_VISIBLE_ASCII = re.compile(rb"[\x21-\x7e]+")
_MANAGED_HEADERS = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"accept-encoding"}
)
"""Headers that depend on the connection; the transport sets them, not the caller."""
_USER_AGENT = b"user-agent"
_DEFAULT_USER_AGENT = b"User-Agent: clients-gateway\r\n"
METHODS_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
"""Methods that send `Content-Length` even for empty content (RFC 9110, 8.6)."""


class HeaderBlock:
    """Headers that several requests share; they are serialised once."""

    def __init__(self, *fields: tuple[bytes, bytes]) -> None:
        self.fields = fields
        self._lines = b""

    @property
    def lines(self) -> bytes:
        """The header lines with `User-Agent`. Raises `InvalidRequest`, quoting no value."""
        self._lines = self._lines or self._serialize()
        return self._lines

    def _serialize(self) -> bytes:
        name, lines = _DEFAULT_USER_AGENT, []
        for field, value in self.fields:
            lower_name = field.lower()
            if lower_name in _MANAGED_HEADERS:
                continue
            line = b"%b: %b\r\n" % (field, value)
            if not _LINE.fullmatch(line):
                raise InvalidRequest("a header that no request can carry")
            lines.append(line)
            if lower_name == _USER_AGENT:
                name = b""
        return b"".join((*lines, name))


class Origin(NamedTuple):
    """Scheme, host and port of a connection."""

    secure: bool
    host: str
    port: int


class RequestTarget(httpx.URL):
    """A URL prepared for requests. Raises `InvalidRequest` if HTTP cannot reach it."""

    def __init__(self, url: httpx.URL | str) -> None:
        super().__init__(url)
        if self.scheme not in _PORTS or not self.host:
            raise InvalidRequest("not an HTTP address")
        port = self.port or _PORTS[self.scheme]
        if port > _LAST_PORT:
            raise InvalidRequest("not a port")
        host = self.raw_host.decode("ascii").strip("[]")
        self.origin = Origin(self.scheme == "https", host, port)
        self.authority = self.netloc
        """The value of the `Host` header."""
        if not (
            _VISIBLE_ASCII.fullmatch(self.raw_path) and _VISIBLE_ASCII.fullmatch(self.authority)
        ):
            raise InvalidRequest("an address that no request can carry")
        self.start_line = b" %b HTTP/1.1\r\nHost: %b\r\nAccept-Encoding: identity\r\n" % (
            self.raw_path,
            self.authority,
        )
        """The part of the head after the method; it is the same for all requests to this URL."""


def serialize(request: httpx.Request, target: RequestTarget) -> bytes:
    """Return the bytes of `request`, content included.

    Raises `InvalidRequest` for a request that a server could misread. The message quotes no value,
    since a value may be a credential.
    """
    method, content = request.method, request.content
    if not _METHOD.fullmatch(method):
        raise InvalidRequest("a method that no request can carry", request=request)
    heading = getattr(request, "heading", None) or HeaderBlock(*request.headers.raw)
    length = b""
    if content or method in METHODS_WITH_CONTENT:
        length = b"Content-Length: %d\r\n" % len(content)
    return b"%b%b%b%b\r\n%b" % (method.encode(), target.start_line, heading.lines, length, content)
