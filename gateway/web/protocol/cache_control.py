"""Parses Cache-Control of requests (RFC 9111, 5.2.1)."""

from schema.source.request_context import CacheDirectives

_DIRECTIVES = 32
"""The largest number of parsed directives; RFC 9111 defines seven for requests."""
_FOREVER = 2**31
"""`max-stale` without a value accepts any age (RFC 9111, 5.2.1.2)."""


def parse_cache_control(cache_control: str | None) -> CacheDirectives:
    """Return the cache directives of a request; invalid directives are ignored."""
    if not cache_control:
        return _DEFAULT
    directives: dict[str, str] = {}
    for part in cache_control.split(",", _DIRECTIVES):
        name, _, value = part.strip().partition("=")
        directives.setdefault(name.lower(), value.strip('" '))
    return CacheDirectives(
        no_cache="no-cache" in directives or "no-store" in directives,
        only_if_cached="only-if-cached" in directives,
        max_age=_seconds(directives.get("max-age")),
        max_stale=_FOREVER
        if directives.get("max-stale") == ""
        else _seconds(directives.get("max-stale")),
    )


def _seconds(value: str | None) -> int | None:
    return min(int(value), _FOREVER) if value and value.isascii() and value.isdigit() else None


_DEFAULT = CacheDirectives()
