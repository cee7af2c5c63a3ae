"""The content of a request: its accepted media types and codings, and its decoding."""

import re
import zlib
from functools import lru_cache

from gateway.web.protocol.http_response import Headers
from gateway.web.protocol.negotiation import JSON

_TCHARS = r"[!#$%&'*+.^_`|~\w-]+"  # RFC 9110, 5.6.2
_PARAMETER = re.compile(
    rf'[ \t]*;[ \t]*(?:({_TCHARS})=(?:({_TCHARS})|"((?:[^"\\]|\\.)*)"))?', re.ASCII
)
"""One parameter of a media type, which may be empty (RFC 9110, 5.6.6)."""
_UTF8 = frozenset({"utf-8", "utf8"})
_GZIP = frozenset({"gzip", "x-gzip"})
_ANY_WRAPPER = 16 + zlib.MAX_WBITS
"""The `wbits` of zlib that selects the gzip format."""


class BadRequest(Exception):
    """The HTTP request is not a valid GraphQL request; `status` is the status of the response.

    `own` are header fields of the response, such as Allow or Accept.
    """

    def __init__(self, status: int, message: str, *, own: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.own = own or []


@lru_cache(64)
def json_problem(content_type: str | None) -> str | None:
    """Return why content of this type is not JSON in UTF-8; None if it is (RFC 9110, 8.3.1).

    Parameters other than `charset` are ignored. A page of another origin cannot send this media
    type without a preflight, whatever its parameters (Fetch, CORS-safelisted request header).
    """
    value = (content_type or "").strip(" \t")
    essence = value.partition(";")[0]
    if essence.rstrip(" \t").lower() != JSON:
        return "Send the request as JSON, with Content-Type: application/json."
    at = len(essence)
    while at < len(value):
        parameter = _PARAMETER.match(value, at)
        if parameter is None:
            return "The parameters of the Content-Type cannot be read."
        name, token, quoted = parameter.groups()
        if name and name.lower() == "charset" and (token or quoted or "").lower() not in _UTF8:
            return "Send the request as JSON in UTF-8."
        at = parameter.end()
    return None


def require_json(content_type: str | None) -> None:
    """Raise `BadRequest` unless content of this type is JSON in UTF-8."""
    problem = json_problem(content_type)
    if problem is not None:
        raise BadRequest(415, problem, own=[(b"accept", JSON.encode())])


def decode(body: bytes, coding: str | None, most: int) -> bytes:
    """Decode a body in a content coding to at most `most` bytes. Raises `BadRequest`.

    Decompression stops once the content is longer than `most` bytes.
    """
    name = (coding or "identity").strip(" \t").lower()
    if name == "identity":
        return body
    if name not in _GZIP:
        raise BadRequest(
            415,
            "The content coding of the body is not taken: send it as it is, or by gzip.",
            own=[(b"accept-encoding", b"gzip, identity")],
        )
    inflating = zlib.decompressobj(_ANY_WRAPPER)
    try:
        content = inflating.decompress(body, most + 1)
    except zlib.error:
        raise BadRequest(400, _NO_GZIP) from None
    if len(content) > most:
        raise too_large(most)
    if not inflating.eof or inflating.unused_data:
        raise BadRequest(400, _NO_GZIP)
    return content


_NO_GZIP = "The body is not one whole gzip stream, as its Content-Encoding says."


def too_large(most: int) -> BadRequest:
    """Return the refusal (413) of a body that is larger than `most` bytes."""
    return BadRequest(413, f"The body may have at most {most} bytes.")
