"""Access for pages of other origins (Fetch, CORS protocol), denied unless configured.

Credentials are sent in headers and never in cookies, so a page of an allowed origin may send any
header that its preflight names, and `Access-Control-Allow-Credentials` is never sent.
"""

import re
from collections.abc import Iterable

from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import Headers

ALLOWED_HEADERS = (
    b"authorization, cache-control, content-type, traceparent, x-api-key, x-request-id"
)
"""Request headers granted in response to a preflight that names none."""
EXPOSED_HEADERS = (
    b"Allow, ETag, RateLimit, RateLimit-Policy, Retry-After, traceparent, WWW-Authenticate,"
    b" X-Request-Id"
)
"""Response headers that a page may read besides the CORS-safelisted ones (Fetch)."""
PREFLIGHT_MAX_AGE = 7_200
"""Seconds for which a browser may cache a preflight response; the maximum of Chromium."""

_NAMES = re.compile(rb"[ \t]*[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*[ \t]*")
_VARY = (b"vary", b"Access-Control-Request-Headers, Access-Control-Request-Private-Network, Origin")


class Cors:
    """The header fields that allow pages of exactly `origins` to call and to read responses.

    Origins are compared byte for byte, as browsers serialize them (RFC 6454, 6.2).
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._headers: dict[bytes | None, Headers] = {
            origin.encode(): [
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-expose-headers", EXPOSED_HEADERS),
            ]
            for origin in origins
        }
        self.unread: Headers = [
            (name, b"*" if name == b"access-control-allow-origin" else value)
            for name, value in next(iter(self._headers.values()), [])
        ]
        """Those of a refusal that is sent before the request is read, if there are origins."""

    def headers(self, origin: bytes | None) -> Headers:
        """Return the CORS header fields of a response to a request from `origin`."""
        return self._headers.get(origin, [])

    def preflight(self, head: RequestHead) -> Headers | None:
        """Return the header fields that answer a preflight of an allowed origin, else None."""
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
