"""Parse target, host and body framing of a request head; each is accepted in one form only."""

import re
from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/([0-9])\.([0-9])\r\n")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)([^#]*)")
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}){1,255})(?::[0-9]{0,5})?"
)
"""RFC 9110, 7.2 (uri-host and port of RFC 3986)."""
_LENGTH = re.compile(rb"[0-9]{1,15}")
_ONCE = (b"host", b"content-length", b"transfer-encoding")


class ProtocolError(Exception):
    """Raised for a rejected request; `status` is the response's. The connection then closes."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RequestLine(NamedTuple):
    """The request line (RFC 9112, 3) and the framing of the body."""

    method: bytes
    target: bytes
    http_1_0: bool
    length: int | None = 0
    """Length of the body in bytes; None if it is chunked."""


def parse_request_line(head: bytes, longest: int) -> RequestLine:
    """Parse the first line of a head. Raises `ProtocolError`."""
    found = _REQUEST_LINE.match(head)
    if found is None:
        raise ProtocolError(400, "The request line is not one of HTTP/1.1.")
    method, target, major, minor = found.groups()
    if major != b"1" or minor not in b"01":
        raise ProtocolError(505, "Send HTTP/1.1.")
    if len(target) > longest:
        raise ProtocolError(414, f"The URL may have at most {longest} bytes.")
    if method == b"CONNECT":
        raise ProtocolError(405, "This is no proxy: CONNECT is not taken.")
    return RequestLine(method, target, minor == b"0")


def parse_framing(line: RequestLine, headers: Headers) -> RequestLine:
    """Return the line with its target in origin-form, or `*`, and the length of the body.

    `headers` have lower-case names; the host of a target in absolute-form replaces their Host.
    Raises `ProtocolError` (RFC 9112, 3.2 and 6).
    """
    named = dict(headers)
    if len(named) != len(headers):
        for name in _ONCE:
            if name in named and sum(each == name for each, _ in headers) > 1:
                raise ProtocolError(400, f"The header {name.decode()} was sent more than once.")
    host = named.get(b"host")
    if host is None:
        if not line.http_1_0:
            raise ProtocolError(400, "Send the header Host.")
    elif not _HOST.fullmatch(host):
        raise ProtocolError(400, "The header Host names no host.")
    target = line.target
    if not target.startswith(b"/") or b"#" in target:
        target = _other_form(line, headers)
    return line._replace(target=target, length=_length(line, named))


def _length(line: RequestLine, named: dict[bytes, bytes]) -> int | None:
    length, coding = named.get(b"content-length"), named.get(b"transfer-encoding")
    if coding is not None:
        if line.http_1_0 or length is not None:
            raise ProtocolError(400, "Transfer-Encoding is for HTTP/1.1, without Content-Length.")
        if coding.lower() != b"chunked":
            raise ProtocolError(501, "The only Transfer-Encoding taken is chunked.")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise ProtocolError(400, "Content-Length must be a number of bytes.")
    return int(length)


def _other_form(line: RequestLine, headers: Headers) -> bytes:
    """Convert a target of another form to origin-form (RFC 9112, 3.2.2 and 3.2.4)."""
    if line.target == b"*" and line.method == b"OPTIONS":
        return b"*"
    found = _ABSOLUTE.fullmatch(line.target)
    if found is None or not _HOST.fullmatch(found[1]):
        raise ProtocolError(400, "The request line has no target that is taken: send a path.")
    headers[:] = [(name, value) for name, value in headers if name != b"host"]
    headers.append((b"host", found[1]))
    rest = found[2]
    return rest if rest.startswith(b"/") else b"/" + rest
