"""A strict parser (RFC 9112) for the responses of one connection, with size limits.

llhttp, which also parses for uvicorn and Node, is strict by default. It rejects what two parsers
could read differently: Content-Length with Transfer-Encoding, bare line ends, folded headers.
"""

import re
from collections.abc import Iterable

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.transport.errors import RemoteProtocolError, ResponseTooLarge, TransportError
from gateway.transport.messages import Headers, Response

MAX_KEEP_ALIVE = 30.0
"""Seconds an idle connection is kept; servers close theirs after 60 s or send `Keep-Alive`."""
_HEADER_OVERHEAD = 32
"""Bytes added for each header to its name and value (as in RFC 9113, 6.5.2)."""
_TIMEOUT = re.compile(rb"\btimeout\s*=\s*(\d{1,6})\b", re.IGNORECASE)
_CONTENT_LENGTH, _TRANSFER_ENCODING = b"content-length", b"transfer-encoding"
_CONTENT_ENCODING, _KEEP_ALIVE = b"content-encoding", b"keep-alive"
_UNSUPPORTED_STATUSES = frozenset({*range(100), 101})
"""Status codes that do not exist, and 101, which starts another protocol."""
_FINAL, _NO_CONTENT, _NOT_MODIFIED = 200, 204, 304


class ResponseParser:
    """Parses one response after another; llhttp calls the methods named `on_*`."""

    keep_alive_seconds: float
    """Seconds for which the connection may be reused; 0.0 if it may not."""

    def __init__(self, head_bytes: int, body_bytes: int) -> None:
        self._head_bytes, self._body_bytes = head_bytes, body_bytes
        self._parser = HttpResponseParser(self)
        self._complete = True
        self._head: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []

    def begin(self, method: str) -> None:
        """Expect the response to a request with this method."""
        self._no_body = method == "HEAD"
        self._complete = self._in_body = False
        self._bytes_received = 0

    def take(self) -> Response:
        """Return the complete response, and release its body.

        Headers with a value outside ASCII are left out.
        """
        chunks, self._chunks = self._chunks, []
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return Response(self._status, self._headers, body)

    def feed(self, data: bytes) -> bool:
        """Parse `data`; return True if the response is complete.

        Raises `ResponseTooLarge` above a size limit and `RemoteProtocolError` for invalid HTTP.
        """
        self._bytes_received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._complete:
                cause = error.__context__
                if isinstance(cause, TransportError):
                    raise cause from None
                raise RemoteProtocolError(str(error)) from None
            self.keep_alive_seconds = 0.0  # more bytes than the response has
        if self._complete:
            return True
        # Counts all bytes: an endless head, endless interim responses, the overhead of tiny chunks.
        limit = self._head_bytes + (2 * self._body_bytes if self._in_body else 0)
        if self._bytes_received > limit:
            raise ResponseTooLarge("the response is too large")
        return False

    def end(self) -> bool:
        """Return True if the end of the connection completes the response (RFC 9112, 6.3)."""
        self._complete = self._in_body and self._until_closed
        self.keep_alive_seconds = 0.0
        return self._complete

    def on_message_begin(self) -> None:
        """Reset the buffers for a new response."""
        if self._complete:
            raise RemoteProtocolError("a response without a request")
        self._head, self._chunks = [], []
        self._body_bytes_received = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header; ignore trailers, which follow the body."""
        if not self._in_body:
            self._head.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Check the head, and decide whether the body is read."""
        head = self._head
        # The exact size is counted only if the bytes received could exceed the limit.
        if (
            self._bytes_received + len(head) * _HEADER_OVERHEAD > self._head_bytes
            and head_size(head) > self._head_bytes
        ):
            raise ResponseTooLarge("the response's headers are too large")
        self._status = self._parser.get_status_code()
        if self._status in _UNSUPPORTED_STATUSES or not self._parser.get_http_version().startswith(
            "1."
        ):
            raise RemoteProtocolError("a response in another protocol")
        if self._status < _FINAL:
            return
        by_name = dict(head)
        clean = len(by_name) == len(head) and _is_clean(by_name.values())
        fields = head
        if not clean:
            fields = [(name, value.rstrip(b" \t")) for name, value in head if value.isascii()]
        if by_name.pop(_CONTENT_ENCODING, None) is not None:
            fields = [field for field in fields if field[0] != _CONTENT_ENCODING]
        self._headers = Headers(fields, by_name if clean else None)
        self.keep_alive_seconds = _keep_alive_seconds(by_name.get(_KEEP_ALIVE))
        self._check_framing(by_name)

    def _check_framing(self, by_name: dict[bytes, bytes]) -> None:
        """Determine where the body ends (RFC 9112, 6.3) and whether it is read."""
        length, coding = by_name.get(_CONTENT_LENGTH), by_name.get(_TRANSFER_ENCODING)
        if self._no_body:
            self._complete = True
            raise RemoteProtocolError("no body follows")  # stops llhttp from waiting for one
        self._in_body = True
        self._until_closed = False
        if self._status == _NOT_MODIFIED:
            return
        if self._status == _NO_CONTENT:
            if coding is not None or length not in {None, b"0"}:
                self.keep_alive_seconds = 0.0  # the announced body may follow
            return
        codings = [value for name, value in self._head if name == _TRANSFER_ENCODING]
        if codings and [value.strip().lower() for value in codings] != [b"chunked"]:
            raise RemoteProtocolError("an unsupported transfer coding")
        if length is not None and int(length) > self._body_bytes:
            raise ResponseTooLarge("the response's body is too large")
        self._until_closed = length is None and coding is None

    def on_body(self, chunk: bytes) -> None:
        """Store a part of the body."""
        self._body_bytes_received += len(chunk)
        if self._body_bytes_received > self._body_bytes:
            raise ResponseTooLarge("the response's body is too large")
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Mark the response complete, unless it is interim (RFC 9110, 15.2)."""
        if self._status < _FINAL:
            return
        self._complete = True
        if not self._parser.should_keep_alive():
            self.keep_alive_seconds = 0.0


def _is_clean(values: Iterable[bytes]) -> bool:
    """Return True if all values are ASCII without trailing whitespace."""
    joined = b"\0".join((*values, b""))
    return joined.isascii() and b" \0" not in joined and b"\t\0" not in joined


def head_size(head: list[tuple[bytes, bytes]]) -> int:
    """Return the bytes of all headers, as they are counted for the limit."""
    return sum(len(name) + len(value) + _HEADER_OVERHEAD for name, value in head)


def _keep_alive_seconds(value: bytes | None) -> float:
    """Return the seconds to keep an idle connection, from `Keep-Alive` (RFC 2068, 19.7.1.1)."""
    found = _TIMEOUT.search(value) if value else None
    return min(MAX_KEEP_ALIVE, max(0.0, int(found[1]) - 1.0)) if found else MAX_KEEP_ALIVE
