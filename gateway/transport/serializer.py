"""Serialise requests as HTTP/1.1 (RFC 9112), or reject them."""

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import idna

from gateway.transport.errors import InvalidRequest

Field = tuple[bytes, bytes]
"""The name and the value of a header."""

_PORTS = {"http": 80, "https": 443}
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_METHOD = re.compile(_TOKEN.decode())
_LINE = re.compile(_TOKEN + rb": [\t\x20-\x7e\x80-\xff]*\r\n")
"""A header line (RFC 9110, 5.1 and 5.5); its value cannot start another header."""
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%:-]+")
_UNRESERVED = "/%:@!$&'()*+,;=~"
"""Characters of a path that are sent as they are, beside letters, digits, `-`, `.` and `_`."""
_MANAGED_HEADERS = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"accept-encoding"}
)
"""Headers that depend on the connection; the transport sets them, not the caller."""
_USER_AGENT = (b"User-Agent", b"clients-gateway")
METHODS_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
"""Methods that send `Content-Length` even for empty content (RFC 9110, 8.6)."""


class HeaderBlock:
    """Headers that several requests share; they are serialised once."""

    __slots__ = ("_fields", "_lines")

    def __init__(self, *fields: Field) -> None:
        self._fields = fields
        self._lines = b""

    @property
    def sent_fields(self) -> list[Field]:
        """The headers that do not depend on the connection, with `User-Agent`."""
        fields = [field for field in self._fields if field[0].lower() not in _MANAGED_HEADERS]
        if not any(name.lower() == b"user-agent" for name, _ in fields):
            fields.append(_USER_AGENT)
        return fields

    @property
    def lines(self) -> bytes:
        """The header lines. Raises `InvalidRequest`, quoting no value."""
        if not self._lines:
            lines = [b"%b: %b\r\n" % field for field in self.sent_fields]
            if not all(map(_LINE.fullmatch, lines)):
                raise InvalidRequest("a header that no request can carry")
            self._lines = b"".join(lines)
        return self._lines


class Origin(NamedTuple):
    """Scheme, host and port of a connection."""

    secure: bool
    host: str
    port: int


class RequestTarget:
    """An address prepared for requests. Raises `InvalidRequest` if HTTP cannot reach it."""

    __slots__ = ("authority", "origin", "start_line", "url")

    def __init__(self, url: str) -> None:
        """Parse an absolute URL; its user information and its fragment are left out."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS[parts.scheme]
            host = parts.hostname or ""
            host = host if host.isascii() else idna.encode(host, uts46=True).decode()
        except (KeyError, ValueError):
            raise InvalidRequest("not an HTTP address") from None
        if not _HOST.fullmatch(host) or not url.isprintable():
            raise InvalidRequest("not an HTTP address")
        self.origin = Origin(parts.scheme == "https", host, port)
        authority = f"[{host}]" if ":" in host else host
        if port != _PORTS[parts.scheme]:
            authority = f"{authority}:{port}"
        self.authority = authority.encode()
        """The value of the `Host` header."""
        path = quote(parts.path or "/", _UNRESERVED)
        if parts.query:
            path = f"{path}?{quote(parts.query, _UNRESERVED + '?')}"
        self.url = f"{parts.scheme}://{authority}{path}"
        self.start_line = (
            f" {path} HTTP/1.1\r\nHost: {authority}\r\nAccept-Encoding: identity\r\n".encode()
        )
        """The part of the head after the method; it is the same for all requests to this URL."""


def serialize(method: str, target: RequestTarget, headers: HeaderBlock, content: bytes) -> bytes:
    """Return the bytes of a request, content included. Raises `InvalidRequest`, see `check`."""
    check(method, headers)
    length = b""
    if content or method in METHODS_WITH_CONTENT:
        length = b"Content-Length: %d\r\n" % len(content)
    return b"%b%b%b%b\r\n%b" % (method.encode(), target.start_line, headers.lines, length, content)


def check(method: str, headers: HeaderBlock) -> None:
    """Raise `InvalidRequest` for a request that a server could misread.

    The message quotes no value, since a value may be a credential.
    """
    if not _METHOD.fullmatch(method):
        raise InvalidRequest("a method that no request can carry")
    headers.lines  # noqa: B018 - raises for an invalid header
