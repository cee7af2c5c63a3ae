"""Pages of other origins that may call (Fetch, CORS protocol); none may unless configured.

Credentials are headers here and never cookies, so an allowed page may send any header: what a
preflight names is granted, and `Access-Control-Allow-Credentials` is never sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.web.protocol.head import RequestHead
    from gateway.web.protocol.http_response import Headers

ALLOWED_HEADERS = (
    b"authorization, cache-control, content-type, traceparent, x-api-key, x-request-id"
)
"""Request headers granted by a preflight that names none."""
EXPOSED_HEADERS = (
    b"Allow, ETag, RateLimit, RateLimit-Policy, Retry-After, traceparent, WWW-Authenticate,"
    b" X-Request-Id"
)
"""Response headers that a page may read, besides those that every page may."""
PREFLIGHT_MAX_AGE = 7_200
"""Seconds for which a browser keeps the answer to a preflight: Chromium keeps none longer."""

_NAMES = re.compile(rb"[ \t]*[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*[ \t]*")
_VARY = (b"vary", b"Access-Control-Request-Headers, Access-Control-Request-Private-Network, Origin")


class Cors:
    """The header fields that let pages of exactly these origins call, and read what they get.

    An origin is compared as browsers serialize it, byte for byte (RFC 6454, 6.2).
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._headers: dict[bytes | None, Headers] = {
            origin.encode(): [
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-expose-headers", EXPOSED_HEADERS),
            ]
            for origin in origins
        }
        self._lines = {
            origin: b"".join(b"%b: %b\r\n" % header for header in headers)
            for origin, headers in self._headers.items()
        }

    def headers(self, origin: bytes | None) -> Headers:
        """What every answer to a request of this origin has besides the rest."""
        return self._headers.get(origin, [])

    def lines(self, origin: bytes | None) -> bytes:
        """The same as header lines of HTTP/1.1."""
        return self._lines.get(origin, b"")

    def preflight(self, head: RequestHead) -> Headers | None:
        """The whole answer to a preflight of an allowed origin; None for any other request."""
        allowed = self.headers(head.origin)
        if not allowed or head.first(b"access-control-request-method") is None:
            return None
        named = head.first(b"access-control-request-headers")
        granted = [
            allowed[0],
            (b"access-control-allow-methods", b"GET, HEAD, POST"),
            (
                b"access-control-allow-headers",
                named if named and _NAMES.fullmatch(named) else ALLOWED_HEADERS,
            ),
            (b"access-control-max-age", b"%d" % PREFLIGHT_MAX_AGE),
            _VARY,
        ]
        if head.first(b"access-control-request-private-network") == b"true":
            granted.append((b"access-control-allow-private-network", b"true"))
        return granted
