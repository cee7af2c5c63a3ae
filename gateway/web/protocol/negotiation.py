"""Content negotiation: the media type and coding of a response (RFC 9110, 12.5)."""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"

_ELEMENTS = 32
"""Elements of one header that are read; browsers send up to eight."""
_WEIGHT = re.compile(r";[ \t]*q[ \t]*=[ \t]*([^; \t]*)", re.IGNORECASE)
_QVALUE = re.compile(r"[01](?:\.\d{0,12})?|\.\d{1,12}")


class Coding(Enum):
    """The content coding of a response."""

    IDENTITY = "as it is"
    GZIP = "by gzip where that pays"
    GZIP_ONLY = "by gzip whether that pays or not"
    NONE = "in no way that we have"


def weights(header: str) -> Mapping[str, float]:
    """Return the elements of `header` in lower case, each with its weight from 0 to 1.

    An invalid weight is 0; of two equal elements, the first counts.
    """
    found: dict[str, float] = {}
    for element in header.split(",", _ELEMENTS)[:_ELEMENTS]:
        name = element.partition(";")[0].strip().lower()
        if name and name not in found:
            weight = _WEIGHT.search(element)
            value = "1" if weight is None else weight[1]
            found[name] = min(1.0, float(value)) if _QVALUE.fullmatch(value) else 0.0
    return found


def _wanted(accepted: Mapping[str, float], media_type: str) -> float:
    """Return the weight of `media_type`; the most specific element counts."""
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in accepted:
            return accepted[name]
    return 0.0


@lru_cache(256)
def negotiate(accept: str | None) -> str | None:
    """Return the media type of the response; None if the client accepts no supported one.

    Without a preference it is application/json, which clients older than the specification expect.
    """
    if not accept or accept == JSON:
        return JSON
    accepted = weights(accept)
    wanted = {name: _wanted(accepted, name) for name in (GRAPHQL, JSON)}
    if not any(wanted.values()):
        return None
    return GRAPHQL if GRAPHQL in accepted and wanted[GRAPHQL] >= wanted[JSON] else JSON


@lru_cache(64)
def negotiate_stream(accept: str | None) -> str | None:
    """Return the media type for the events of a subscription; None if none is accepted by name.

    Multipart is accepted with the parameter that names Apollo's protocol. Of two, the preferred one
    is returned, else the first.
    """
    elements = [each.lower() for each in (accept or "").split(",", _ELEMENTS)[:_ELEMENTS]]
    named = ",".join(
        each for each in elements if MULTIPART not in each or "subscriptionspec" in each
    )
    accepted = weights(named)
    offered = [name for name in accepted if name in {EVENT_STREAM, MULTIPART} and accepted[name]]
    return max(offered, key=lambda name: accepted[name], default=None)


@lru_cache(64)
def prefers_html(accept: str | None) -> bool:
    """Return whether a GET prefers HTML, as browsers do, to the GraphQL media types."""
    accepted = weights(accept or "")
    page = _wanted(accepted, HTML)
    return HTML in accepted and page >= max(_wanted(accepted, GRAPHQL), _wanted(accepted, JSON))


@lru_cache(256)
def answer_coding(accept_encoding: str | None) -> Coding:
    """Return the response coding (RFC 9110, 12.5.3); identity is accepted unless excluded."""
    if not accept_encoding:
        return Coding.IDENTITY
    accepted = weights(accept_encoding)
    every = accepted.get("*")
    gzip = accepted.get("gzip", accepted.get("x-gzip", every or 0.0))
    identity = accepted.get("identity", every)
    if identity == 0:
        return Coding.GZIP_ONLY if gzip else Coding.NONE
    preferred = accepted.get("identity", 0.0) <= gzip
    return Coding.GZIP if gzip and preferred else Coding.IDENTITY
