"""Which media type an answer takes (RFC 9110, 12.5.1; GraphQL over HTTP, media types)."""

from __future__ import annotations

from functools import lru_cache

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"


def quality(accept: str, media_type: str) -> float:
    """How much `accept` wants `media_type`, from 0 (not at all) to 1; most specific wins."""
    kind = media_type.partition("/")[0]
    best, found = -1, 0.0
    for part in accept.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        specific = {media_type: 2, f"{kind}/*": 1, "*/*": 0}.get(name.lower(), -1)
        if specific > best:
            best, found = specific, _weight(parameters)
    return found


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


@lru_cache(256)
def answer_type(accept: str | None) -> str | None:
    """The media type to answer in, None when the client takes neither of ours.

    Without a preference it is application/json, as clients older than the specification expect.
    """
    if not accept:
        return JSON
    if accept == JSON:
        return JSON
    wanted = {name: quality(accept, name) for name in (GRAPHQL, JSON)}
    if not any(wanted.values()):
        return None
    explicit = GRAPHQL in accept.lower()
    return GRAPHQL if explicit and wanted[GRAPHQL] >= wanted[JSON] else JSON


def wants_page(accept: str | None) -> bool:
    """Whether a GET comes from somebody with a browser rather than from a program."""
    if not accept:
        return False
    page = quality(accept, HTML)
    explicit = HTML in accept.lower()
    return explicit and page >= max(quality(accept, GRAPHQL), quality(accept, JSON))
