"""HTTP responses, and the two ways to send them: ASGI messages, or bytes on the connection."""

from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import Scope, Send

from gateway.gzipped import MIN_BYTES, compress
from gateway.web.protocol.negotiation import Coding

Headers = list[tuple[bytes, bytes]]

SEND_RESPONSE = "gateway.whole"
"""Name of the ASGI extension of servers that send complete responses.

Its `send(scope, response)` returns whether it sent the response in one call.
"""
SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"vary", b"Accept, Accept-Encoding, Authorization, X-API-Key, X-Gateway-Token, Origin"),
]
"""Header fields that make browsers treat a response as data only, and the request headers that
select it (Vary; RFC 9110, 12.5.5)."""
NO_STORE = (b"cache-control", b"no-store")
VARY_ORIGIN = (b"vary", b"Origin")
COMMON_HEADERS = [*SECURITY_HEADERS[:-1], NO_STORE]
"""The same without Vary, for responses that depend on no credential, and Cache-Control."""
GZIPPED = (b"content-encoding", b"gzip")
PARTIAL_SUCCESS = 294
"""Data and errors (GraphQL over HTTP, September2026, Partial success); not an IANA status."""


class HTTPResponse(NamedTuple):
    """A status, a media type with its default header fields, additional fields, and content."""

    status: int
    media_type: str | None
    """None for a response without the default header fields."""
    extra_headers: Headers
    content: bytes

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the response: by the extension if the server has it, else by ASGI messages."""
        extensions = scope.get("extensions")
        server = extensions.get(SEND_RESPONSE) if extensions else None
        if server is not None and server["send"](scope, self):
            return
        headers = [*default_headers(self.media_type), *self.extra_headers, *self._length()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})

    def encoded(self, coding: Coding) -> "HTTPResponse":
        """Return the response, compressed if the client accepts that and it saves bytes.

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
        """Return the bytes of the response (RFC 9112), with the header lines `more` included."""
        return b"%b%b%b\r\n%b" % (
            _first_lines(self.status, self.media_type),
            more,
            b"".join([b"%b: %b\r\n" % header for header in (*self.extra_headers, *self._length())]),
            self.content,
        )

    def _length(self) -> Headers:
        """Return Content-Length, except for 204 and 304: only these have no content."""
        return [(b"content-length", b"%d" % len(self.content))] if self.content else []


@lru_cache(8)
def default_headers(media_type: str | None) -> Headers:
    """Return the default header fields of responses in `media_type`."""
    if media_type is None:
        return []
    return [*SECURITY_HEADERS, NO_STORE, content_type(media_type)]


def content_type(media_type: str) -> tuple[bytes, bytes]:
    """Return the Content-Type header field of `media_type`."""
    return b"content-type", f"{media_type}; charset=utf-8".encode()


@lru_cache(64)
def _first_lines(status: int, media_type: str | None) -> bytes:
    phrase = "Partial Success" if status == PARTIAL_SUCCESS else HTTPStatus(status).phrase
    status_line = b"HTTP/1.1 %d %b\r\n" % (status, phrase.encode())
    return status_line + b"".join(b"%b: %b\r\n" % header for header in default_headers(media_type))
