"""Parse the rate limit headers of responses (API page, status 429).

The API documents delta seconds (`RateLimit-Reset: 893`). Dates and epochs are accepted too and are
compared with the response's own `Date`, so that an error of our clock does no harm. `X-RateLimit-*`
and the structured `RateLimit` and `RateLimit-Policy` are parsed too; if they differ, the one with
fewer remaining calls applies. Invalid values count as absent.
"""

import math
import re
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import http_sf

from gateway.transport.messages import Headers, Response
from gateway.transport.rate_limit_status import LONGEST, RateLimitStatus

SHORT_WINDOW = 60
"""Seconds; a policy with a shorter window limits bursts and is not the rate limit window."""
SHORTEST = 1.0
"""The seconds used for a wait of 0."""
EPOCH = 1_000_000_000
"""From this value on, a reset is a point in time (Unix seconds), not a duration."""

_NUMBER = re.compile(rb"(-?)(\d+)(\.\d+)?").fullmatch
_MILLISECONDS = 1_000
_DIGITS = 15
"""The most digits of a number that are parsed exactly."""
_RETRY_AFTER, _DATE = b"retry-after", b"date"
_NAMES = tuple(
    tuple(prefix + name for name in (b"limit", b"remaining", b"reset"))
    for prefix in (b"ratelimit-", b"x-ratelimit-", b"x-rate-limit-")
)
"""The spellings of limit, remaining and reset."""
_STRUCTURED, _POLICY = b"ratelimit", b"ratelimit-policy"
_RELEVANT = frozenset(
    {_RETRY_AFTER, _DATE, _STRUCTURED, _POLICY, *(name for names in _NAMES for name in names)}
)
FORBIDDEN, TOO_MANY_REQUESTS = 403, 429

HeaderValues = dict[bytes, bytes]
"""Header values by lower-case name; empty if a header is repeated with different values."""


def parse_rate_limit(headers: Headers) -> RateLimitStatus:
    """Parse the RateLimit-* headers of a response."""
    return _window(_values(headers))


def retry_after(headers: Headers) -> float | None:
    """Return the seconds that `Retry-After` states, up to 900; None if absent, repeated or invalid.

    A wait of 0 becomes 1 second; fractions are kept.
    """
    return _parse_retry_after(_values(headers))


def retry_delay_of_429(headers: Headers) -> float | None:
    """Return the seconds that a 429 asks all callers to wait, 1 to 900; None if it states none.

    This is the later of Retry-After and the window's end. If calls remain in the window, its end is
    not the reason for the rejection, and only Retry-After counts.
    """
    values = _values(headers)
    window, seconds = _window(values), _parse_retry_after(values)
    if window.reset is None or (window.remaining and seconds is not None):
        return seconds
    return _clamped(max(window.reset, seconds or 0.0))


def limited(response: Response) -> bool:
    """Return True if the response is a rate limit error: a 429, or its equivalent as a 403.

    A 403 is one if it has a `Retry-After` and no remaining calls.
    """
    if response.status_code != FORBIDDEN:
        return response.status_code == TOO_MANY_REQUESTS
    values = _values(response.headers)
    return _parse_retry_after(values) is not None and _window(values).remaining == 0


def date_of(headers: Headers) -> float | None:
    """Return the time in `Date` (RFC 9110, 6.6.1), in Unix seconds."""
    return _date(_values(headers).get(_DATE))


def _values(headers: Headers) -> HeaderValues:
    if headers.by_name is not None:
        return headers.by_name
    values: HeaderValues = {}
    for name, value in headers.fields:
        if name in _RELEVANT:
            stripped = value.strip()
            if values.setdefault(name, stripped) != stripped:
                values[name] = b""
    return values


def _window(values: HeaderValues) -> RateLimitStatus:
    """Parse the window, from the spelling with the fewest remaining calls."""
    found = [
        RateLimitStatus.checked(
            _number(values.get(names[0])), _number(values.get(names[1])), _reset(values, names[2])
        )
        for names in _NAMES
        if not values.keys().isdisjoint(names)
    ]
    if _STRUCTURED in values:
        found.append(_structured(values[_STRUCTURED], values.get(_POLICY, b"")))
    if len(found) <= 1:
        return found[0] if found else RateLimitStatus()
    least = min(found, key=lambda each: math.inf if each.remaining is None else each.remaining)
    limits = [each.limit for each in (least, *found) if each.limit is not None]
    resets = [each.reset for each in (least, *found) if each.reset is not None]
    return RateLimitStatus(
        limits[0] if limits else None, least.remaining, resets[0] if resets else None
    )


def _structured(limits: bytes, policies: bytes) -> RateLimitStatus:
    """Parse both fields; of several policies return the one with the fewest remaining calls.

    Draft 7 of draft-ietf-httpapi-ratelimit-headers has one dictionary (`limit=500, remaining=40`).
    Later drafts have a list with an item for each policy (`"window";r=40;t=60`); the policy of the
    same name has its quota and window.
    """
    items = _parse_field(limits, "list")
    if not isinstance(items, list):
        members = _parse_field(limits, "dictionary") or {}
        values = {name: member[0] for name, member in members.items() if _is_item(member)}
        return _checked(values.get("limit"), values.get("remaining"), values.get("reset"))
    named = _parse_field(policies, "list") or ()
    quotas = {str(item[0]): item[1] for item in named if _is_item(item)}
    found = []
    for name, parameters in filter(_is_item, items):
        quota = quotas.get(str(name), {})
        status = _checked(quota.get("q"), parameters.get("r"), parameters.get("t"))
        window = _integer(quota.get("w"))
        if status.remaining is not None:
            short = window is not None and window < SHORT_WINDOW
            found.append((short, status.remaining, status))
    return min(found, key=lambda each: each[:2])[2] if found else RateLimitStatus()


def _parse_field(text: bytes, kind: Literal["list", "dictionary"]) -> Any:  # noqa: ANN401 - either
    """Parse a structured field (RFC 9651); return None if it is not of this kind."""
    try:
        return http_sf.parse(text, tltype=kind)
    except ValueError:
        return None


def _is_item(value: Any) -> bool:  # noqa: ANN401 - whatever a structured field holds
    """Return True for an item with parameters, False for an inner list."""
    return isinstance(value, tuple) and not isinstance(value[0], list)


def _checked(*values: object) -> RateLimitStatus:
    return RateLimitStatus.checked(*map(_integer, values))


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _reset(values: HeaderValues, name: bytes) -> float | None:
    """Return the seconds until the window ends, by a duration or a point in time."""
    text = values.get(name)
    seconds = _number(text)
    if seconds is None:
        seconds = None if text is None else _until(text, values)
    elif seconds > EPOCH:
        sent = _date(values.get(_DATE))
        instant = seconds / _MILLISECONDS if seconds > EPOCH * _MILLISECONDS else seconds
        seconds = None if sent is None else instant - sent
    return seconds


def _parse_retry_after(values: HeaderValues) -> float | None:
    text = values.get(_RETRY_AFTER)
    if text is None:
        return None
    seconds = _number(text)
    if seconds is None:
        seconds = _until(text, values)
    elif seconds < 0:
        return None
    return None if seconds is None else _clamped(seconds)


def _number(text: bytes | None) -> float | None:
    """Parse a decimal number, capped if it has too many digits; None for anything else."""
    found = None if text is None else _NUMBER(text)
    if found is None:
        return None
    sign, whole, fraction = found.groups()
    number = float(whole + (fraction or b"")) if len(whole) <= _DIGITS else float(10**_DIGITS)
    return -number if sign else number


def _until(text: bytes, values: HeaderValues) -> float | None:
    then, sent = _date(text), _date(values.get(_DATE))
    return None if then is None or sent is None else then - sent


def _date(text: bytes | None) -> float | None:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text.decode("latin-1")).timestamp()
    except (ValueError, OverflowError):
        return None


def _clamped(seconds: float) -> float:
    return min(seconds, LONGEST) if seconds > 0 else SHORTEST
