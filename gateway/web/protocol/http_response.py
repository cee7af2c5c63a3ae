"""A whole HTTP answer, and the two ways to send one: ASGI's, and at once on a connection."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from gateway.gzipped import MIN_BYTES, compress
from gateway.web.protocol.negotiation import Coding

if TYPE_CHECKING:
    from starlette.types import Scope, Send

Headers = list[tuple[bytes, bytes]]
Whole = Callable[["Scope", "HTTPResponse"], bool]
"""Sends the whole answer to a request at once; whether it could."""

SEND_RESPONSE = "gateway.whole"
"""ASGI extension: its `send` is a `Whole`, where the server has one."""
SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"vary", b"Accept, Accept-Encoding, Authorization, X-API-Key, X-Gateway-Token, Origin"),
]
"""What keeps a browser from taking an answer for anything else than data, and what an answer at
one URL depends on besides it (RFC 9110, 12.5.5)."""
NO_STORE = (b"cache-control", b"no-store")
GZIPPED = (b"content-encoding", b"gzip")
PARTIAL_SUCCESS = 294
"""Data and errors (GraphQL over HTTP, September2026, Partial success); no IANA status."""


class HTTPResponse(NamedTuple):
    """A status, what most answers of its media type say, what is its own, and its content."""

    status: int
    media_type: str | None
    """None where it says nothing of what most say."""
    extra_headers: Headers
    content: bytes

    async def send(self, scope: Scope, send: Send) -> None:
        """Say it: at once where the server can, else as ASGI has it."""
        extensions = scope.get("extensions")
        server = extensions.get(SEND_RESPONSE) if extensions else None
        if server is not None and server["send"](scope, self):
            return
        headers = [*default_headers(self.media_type), *self.extra_headers, *self._length()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})

    def encoded(self, coding: Coding) -> HTTPResponse:
        """The same, its content compressed where that is taken and pays.

        A weak entity tag names the data in any coding (RFC 9110, 8.8.3.3).
        """
        if coding is Coding.GZIP:
            if len(self.content) < MIN_BYTES:
                return self
        elif coding is not Coding.GZIP_ONLY or not self.content:
            return self
        content = compress(self.content)
        if coding is Coding.GZIP and len(content) >= len(self.content):
            return self
        return self._replace(extra_headers=[*self.extra_headers, GZIPPED], content=content)

    def to_http11(self, more: bytes) -> bytes:
        """All of it as it goes over a connection, with `more` lines of headers (RFC 9112)."""
        return b"%b%b%b\r\n%b" % (
            _first_lines(self.status, self.media_type),
            more,
            b"".join([b"%b: %b\r\n" % header for header in (*self.extra_headers, *self._length())]),
            self.content,
        )

    def _length(self) -> Headers:
        """Only an answer that may have no content has none: 204 and 304."""
        return [(b"content-length", b"%d" % len(self.content))] if self.content else []


@lru_cache(8)
def default_headers(media_type: str | None) -> Headers:
    """What most answers in `media_type` say."""
    if media_type is None:
        return []
    return [*SECURITY_HEADERS, NO_STORE, content_type(media_type)]


def content_type(media_type: str) -> tuple[bytes, bytes]:
    """What the content is."""
    return b"content-type", f"{media_type}; charset=utf-8".encode()


@lru_cache(64)
def _first_lines(status: int, media_type: str | None) -> bytes:
    phrase = "Partial Success" if status == PARTIAL_SUCCESS else HTTPStatus(status).phrase
    told = b"HTTP/1.1 %d %b\r\n" % (status, phrase.encode())
    return told + b"".join(b"%b: %b\r\n" % header for header in default_headers(media_type))
