"""Parse the structured `RateLimit` and `RateLimit-Policy` headers.

Source: draft-ietf-httpapi-ratelimit-headers, 7 to 11. Draft 7 has one dictionary (`limit=500,
remaining=40, reset=60`). Later drafts have a list with an item for each policy
(`"window";r=40;t=60`); the policy of the same name has its quota and window.
"""

from __future__ import annotations

from typing import Any

import http_sf

from gateway.transport.rate_limit_status import RateLimitStatus

SHORT = 60
"""Seconds; a policy with a shorter window limits bursts and is not the rate limit window."""


def parse_structured(limits: bytes, policies: bytes) -> RateLimitStatus:
    """Parse both fields; of several policies return the one with the fewest remaining calls."""
    items = _list(limits)
    if items is None:
        return _of_draft_7(_dictionary(limits))
    quotas = {_name(item): item[1] for item in _list(policies) or () if _is_item(item)}
    found = []
    for item in items:
        if not _is_item(item):
            continue
        quota = quotas.get(_name(item), {})
        status = _checked(quota.get("q"), item[1].get("r"), item[1].get("t"))
        window = _integer(quota.get("w"))
        if status.remaining is not None:
            found.append((window is not None and window < SHORT, status.remaining, status))
    return min(found, key=lambda each: each[:2])[2] if found else RateLimitStatus()


def _of_draft_7(members: dict[str, Any]) -> RateLimitStatus:
    values = {name: member[0] for name, member in members.items() if _is_item(member)}
    return _checked(values.get("limit"), values.get("remaining"), values.get("reset"))


def _checked(*values: object) -> RateLimitStatus:
    return RateLimitStatus.checked(*map(_integer, values))


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_item(value: Any) -> bool:  # noqa: ANN401 - whatever a structured field holds
    """Return True for an item with parameters, False for an inner list."""
    return isinstance(value, tuple) and not isinstance(value[0], list)


def _name(item: Any) -> str:  # noqa: ANN401 - whatever a structured field holds
    return str(item[0])


def _list(text: bytes) -> list[Any] | None:
    """Parse the items of a list; return None for anything else, such as draft 7's dictionary."""
    try:
        found = http_sf.parse(text, tltype="list")
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _dictionary(text: bytes) -> dict[str, Any]:
    try:
        found = http_sf.parse(text, tltype="dictionary")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
