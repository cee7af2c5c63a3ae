"""The answers that come off one connection, read strictly (RFC 9112) and held to limits.

llhttp, which reads for uvicorn and Node too, is strict unless told otherwise: it refuses what
two readers could take for two things (both lengths, bare line ends, folded headers).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.transport.errors import ResponseTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_KEPT = 30.0
"""Seconds an unused connection is kept; servers close theirs after a minute, or say when."""
_FIELD = 32
"""Bytes a header takes beside its name and value (as RFC 9113, 6.5.2 counts them)."""
_TIMEOUT = re.compile(rb"\btimeout\s*=\s*(\d{1,6})\b", re.IGNORECASE)
_LENGTH, _CODING = b"content-length", b"transfer-encoding"
_COMPRESSION, _KEEPING = b"content-encoding", b"keep-alive"
_UNSUPPORTED_STATUSES = frozenset({*range(100), 101})
"""Statuses there are not, and the one by which another protocol begins."""
_FINAL, _NO_CONTENT, _NOT_MODIFIED = 200, 204, 304


class ResponseParser:
    """Reads one answer after another; the methods that begin with `on_` are for llhttp."""

    keep_alive_seconds: float
    """Seconds the connection may be used again; 0.0 for not."""
    by_name: dict[bytes, bytes] | None = None
    """The headers by their names; None where some are repeated or had to be tidied."""

    def __init__(self, head_bytes: int, body_bytes: int) -> None:
        self._head_bytes, self._body_bytes = head_bytes, body_bytes
        self._parser = HttpResponseParser(self)
        self._whole = True
        self._head: list[tuple[bytes, bytes]] = []
        self._fields: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []

    def begin(self, method: str) -> None:
        """An answer to such a request comes next."""
        self._empty = method == "HEAD"
        self._whole = self._in_body = False
        self._came = 0

    def take(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """The whole answer's status, headers and body; they are kept no longer.

        Names in small letters, headers whose values are no text left out, the body as it was
        sent: nothing is decoded.
        """
        chunks, self._chunks = self._chunks, []
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return self._status, self._fields, body

    def feed(self, data: bytes) -> bool:
        """Whether the answer is whole now.

        Raises `TooLarge` for one larger than we read, `RemoteProtocolError` for one that is none.
        """
        self._came += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._whole:
                flaw = error.__context__
                if isinstance(flaw, httpx.TransportError):
                    raise flaw from None
                raise httpx.RemoteProtocolError(str(error)) from None
            self.keep_alive_seconds = 0.0  # more came than was asked for
        if self._whole:
            return True
        # What is no body counts too: heads that do not end, hints without end, tiny chunks.
        most = self._head_bytes + (2 * self._body_bytes if self._in_body else 0)
        if self._came > most:
            raise ResponseTooLarge("the answer is too large")
        return False

    def end(self) -> bool:
        """Whether the answer is whole, now that nothing more comes (RFC 9112, 6.3)."""
        self._whole = self._in_body and self._until_closed
        self.keep_alive_seconds = 0.0
        return self._whole

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self._whole:
            raise httpx.RemoteProtocolError("an answer nobody asked for")
        self._head, self._chunks = [], []
        self._read = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or, after the body, a trailer, which says nothing to us."""
        if not self._in_body:
            self._head.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is here; whether the body is worth reading is known."""
        head = self._head
        # Counted one by one only where what came could be too much.
        if self._came + len(head) * _FIELD > self._head_bytes and _size(head) > self._head_bytes:
            raise ResponseTooLarge("the answer's headers are too large")
        self._status = self._parser.get_status_code()
        if self._status in _UNSUPPORTED_STATUSES or not self._parser.get_http_version().startswith(
            "1."
        ):
            raise httpx.RemoteProtocolError("an answer in another protocol")
        if self._status < _FINAL:
            return
        told = dict(head)
        plain = len(told) == len(head) and _is_clean(told.values())
        fields = head
        if not plain:
            fields = [(name, value.rstrip(b" \t")) for name, value in head if value.isascii()]
        if told.pop(_COMPRESSION, None) is not None:
            fields = [field for field in fields if field[0] != _COMPRESSION]
        self._fields, self.by_name = fields, told if plain else None
        self.keep_alive_seconds = _kept(told.get(_KEEPING))
        self._check_framing(told)

    def _check_framing(self, told: dict[bytes, bytes]) -> None:
        """Where the body ends (RFC 9112, 6.3), and whether it is to be read."""
        length, coding = told.get(_LENGTH), told.get(_CODING)
        if self._empty:
            self._whole = True
            raise httpx.RemoteProtocolError("no body follows")  # and llhttp must not wait for one
        self._in_body = True
        self._until_closed = False
        if self._status == _NOT_MODIFIED:
            return
        if self._status == _NO_CONTENT:
            if coding is not None or length not in {None, b"0"}:
                self.keep_alive_seconds = 0.0  # it may send what it speaks of
            return
        if coding is not None and not self._chunked():
            raise httpx.RemoteProtocolError("a transfer coding nobody asked for")
        if length is not None and int(length) > self._body_bytes:
            raise ResponseTooLarge("the answer's body is too large")
        self._until_closed = length is None and coding is None

    def _chunked(self) -> bool:
        codings = [value.strip().lower() for name, value in self._head if name == _CODING]
        return codings == [b"chunked"]

    def on_body(self, chunk: bytes) -> None:
        """A part of the body."""
        self._read += len(chunk)
        if self._read > self._body_bytes:
            raise ResponseTooLarge("the answer's body is too large")
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was only a hint of one (RFC 9110, 15.2)."""
        if self._status < _FINAL:
            return
        self._whole = True
        if not self._parser.should_keep_alive():
            self.keep_alive_seconds = 0.0


def _is_clean(values: Iterable[bytes]) -> bool:
    """Whether all are text with no space behind; none holds what parts them here."""
    joined = b"\0".join((*values, b""))
    return joined.isascii() and b" \0" not in joined and b"\t\0" not in joined


def _size(head: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + _FIELD for name, value in head)


def _kept(said: bytes | None) -> float:
    """Seconds to keep a connection unused, by its `Keep-Alive` (RFC 2068, 19.7.1.1)."""
    found = _TIMEOUT.search(said) if said else None
    return min(LONGEST_KEPT, max(0.0, int(found[1]) - 1.0)) if found else LONGEST_KEPT
