"""Read requests from a connection one at a time; later bytes stay buffered.

This module finds the ends of head and body in the bytes, so that segmentation cannot change
them. `MessageParser` parses the header fields and the chunks.
"""

import re
from typing import NamedTuple

from gateway.server.http1.head import (
    Headers,
    ProtocolError,
    RequestLine,
    parse_framing,
    parse_request_line,
)
from gateway.server.http1.limits import SURPLUS, ConnectionLimits
from gateway.server.http1.message_parser import MALFORMED, MessageParser

_END = b"\r\n\r\n"
_NAMING = re.compile(
    rb"(?i)\r\n(origin|x-request-id|traceparent):[ \t]*([!-~]{1,1024})[ \t]*(?=\r\n)"
)
"""Lines of origin and tracing, which an error response needs from an invalid head."""
_MOST_EMPTY = 256
"""Bytes of empty lines before a request at which it is rejected."""
_EMPTY_LINES = re.compile(rb"(?:\r\n){1,128}")
_PIECE = 64 * 1024
"""Bytes of a body that are parsed in one step."""
_TURN = 4 * 1024
"""Bytes of a chunked body parsed in one turn; small chunks make each byte expensive."""


class ParsedRequest(NamedTuple):
    """One complete request."""

    method: bytes
    target: bytes
    """The target in origin-form, or `*`."""
    http_1_0: bool
    headers: Headers
    """Header fields with lower-case names, without trailers."""
    body: bytes
    """The body; of a too large one, the limit and one byte more."""
    keep_alive: bool


class RequestReader:
    """Turns bytes into requests; holds one request and the bytes after it."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._unread = bytearray()
        self._parser = MessageParser(limits.max_body_bytes)
        self._expects: bool = False
        self._start()

    def feed(self, data: bytes) -> None:
        """Append received bytes."""
        self._unread += data

    def clear(self) -> None:
        """Discard all received bytes."""
        self._unread.clear()
        self._start()

    @property
    def waiting(self) -> int:
        """Number of received bytes that are not parsed yet."""
        return len(self._unread)

    def take_rest(self) -> bytes:
        """Remove and return the bytes that are not parsed: they are of another protocol."""
        rest = bytes(self._unread)
        self._unread.clear()
        return rest

    @property
    def held(self) -> int:
        """Approximate bytes of memory for an incomplete request and the bytes after it."""
        return len(self._unread) + len(self._parser.body) + self._size

    @property
    def begun(self) -> bool:
        """True if a request has begun to arrive and is not complete."""
        return self._size > 0 or len(self._unread) > 0

    @property
    def in_body(self) -> bool:
        """True if the head is complete and the body is not."""
        return self._line is not None

    @property
    def interrupted(self) -> bool:
        """True if another call of `next` parses more of a buffered body."""
        return self._line is not None and len(self._unread) > 0

    def continues(self) -> bool:
        """Return True, once per request, if the client awaits `100 Continue` (RFC 9110, 10.1.1)."""
        if self._line is None or not self._expects or self._parser.body_size or self._unread:
            return False
        self._expects = False
        return True

    def next(self) -> ParsedRequest | None:
        """Return the next request, or None if it is incomplete. Raises `ProtocolError`."""
        line = self._line or self._read_head()
        if line is None:
            return None
        chunked = line.length is None
        if not (self._read_chunks() if chunked else self._read_length(line.length or 0)):
            return None
        request = ParsedRequest(
            line.method,
            line.target,
            line.http_1_0,
            self._parser.headers,
            bytes(self._parser.body),
            self._parser.keep_alive and not line.http_1_0,
        )
        # llhttp keeps the last trailer for the next head and stops after an upgrade.
        self._start(renew=chunked or self._parser.upgrade)
        return request

    def named(self) -> Headers:
        """Return the headers for an error response; of an incomplete head, origin and tracing."""
        if self._line is not None:
            return self._parser.headers
        end = self._unread.find(_END)
        head = bytes(self._unread[: self._limits.max_head_bytes if end < 0 else end + 2])
        return [(name.lower(), value) for name, value in _NAMING.findall(head)]

    def close(self) -> None:
        """Release the received bytes and the parser."""
        self.clear()
        self._parser.close()

    def _start(self, *, renew: bool = False) -> None:
        self._parser.reset(renew=renew)
        self._line: RequestLine | None = None
        self._size = 0
        """Parsed bytes of the request outside its body."""
        self._head_size = 0
        self._tail = b""
        """The last parsed bytes, in which the end of a chunked body may begin."""
        self._sought = 0
        """Number of buffered bytes already searched for the end of the head."""
        self._expects = False

    def _read_head(self) -> RequestLine | None:
        unread = self._unread
        if unread.startswith(b"\r\n"):
            self._skip_empty_lines()
        end = unread.find(_END, max(0, self._sought - len(_END) + 1))
        if end < 0:
            self._check_beginning()
            return None
        head = bytes(unread[: end + len(_END)])
        self._count(len(head), self._limits.max_head_bytes)
        line = parse_request_line(head, self._limits.max_target_bytes)
        if head.count(b"\r\n") - 2 > self._limits.max_headers:
            raise ProtocolError(
                431, f"A request may have at most {self._limits.max_headers} headers."
            )
        self._parser.feed(head)
        if not self._parser.head_whole:
            raise ProtocolError(400, MALFORMED)
        self._line = line = parse_framing(line, self._parser.headers)
        del unread[: len(head)]
        self._head_size = self._size
        if line.length is not None and line.length > self._limits.max_body_bytes + SURPLUS:
            raise self._body_too_large()
        self._expects = not line.http_1_0 and (b"expect", b"100-continue") in [
            (name, value.lower()) for name, value in self._parser.headers if name == b"expect"
        ]
        if self._parser.upgrade:
            self._parser.ignore_upgrade(line.length)
        return line

    def _skip_empty_lines(self) -> None:
        """Skip a few empty lines before a request line (RFC 9112, 2.2)."""
        found = _EMPTY_LINES.match(self._unread)
        assert found is not None  # noqa: S101 - the caller found CRLF
        del self._unread[: found.end()]
        self._size += found.end()
        if self._size >= _MOST_EMPTY:
            raise ProtocolError(400, MALFORMED)

    def _check_beginning(self) -> None:
        """Reject bytes that cannot become a valid head. Raises `ProtocolError`."""
        unread = self._unread
        if unread and unread != b"\r" and not b"!" <= unread[:1] <= b"~":
            raise ProtocolError(400, MALFORMED)
        if unread.count(b"\n", self._sought) > unread.count(b"\r\n", max(0, self._sought - 1)):
            raise ProtocolError(400, MALFORMED)
        if len(unread) > 2 * self._limits.max_target_bytes and unread.find(b"\r\n") < 0:
            raise ProtocolError(
                414, f"The URL may have at most {self._limits.max_target_bytes} bytes."
            )
        self._sought = len(unread)
        if self._size + len(unread) > self._limits.max_head_bytes:
            self._count(len(unread), self._limits.max_head_bytes)

    def _read_length(self, length: int) -> bool:
        unread = self._unread
        while unread and self._parser.body_size < length:
            piece = bytes(unread[: min(length - self._parser.body_size, _PIECE)])
            del unread[: len(piece)]
            self._parser.feed(piece)
        return self._parser.body_size == length and self._parser.whole

    def _read_chunks(self) -> bool:
        unread = self._unread
        unturned = max(0, len(unread) - _TURN)
        while len(unread) > unturned and not self._parser.whole:
            piece = self._up_to_empty_line()
            del unread[: len(piece)]
            self._tail = (self._tail + piece)[-len(_END) :]
            before = self._parser.body_size
            self._parser.feed(piece)
            framed = len(piece) - (self._parser.body_size - before)
            if self._tail.endswith(_END):
                framed += len(_END)  # each makes a piece, which costs as much as a chunk
            self._count(framed, self._head_size + self._limits.max_framing_bytes)
            if self._parser.body_size > self._limits.max_body_bytes + SURPLUS:
                raise self._body_too_large()
        return self._parser.whole

    def _up_to_empty_line(self) -> bytes:
        """Return the bytes up to an empty line, which may be the end of a chunked body."""
        unread, tail = self._unread, self._tail[1 - len(_END) :]
        end = (tail + unread[: len(_END) - 1]).find(_END) - len(tail)
        if end < -len(tail):
            end = unread.find(_END, 0, _TURN)
            if end < 0:
                return bytes(unread[:_TURN])
        return bytes(unread[: end + len(_END)])

    def _count(self, more: int, most: int) -> None:
        """Count bytes outside the body; if both limits are exceeded, raise the body's error."""
        self._size += more
        if self._size > most:
            if self._parser.body_size > self._limits.max_body_bytes:
                raise self._body_too_large()
            raise ProtocolError(
                431,
                f"A head may have {self._limits.max_head_bytes} bytes; chunk headers and trailers"
                f" {self._limits.max_framing_bytes} together.",
            )

    def _body_too_large(self) -> ProtocolError:
        return ProtocolError(413, f"The body may have at most {self._limits.max_body_bytes} bytes.")
