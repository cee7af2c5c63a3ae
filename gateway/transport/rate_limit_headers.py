"""What an answer's headers say about the window and about coming back (API page, status 429).

The API documents delta seconds (`RateLimit-Reset: 893`); dates and epochs are read too, always
against the answer's own `Date`, so that our clock may be wrong. `X-RateLimit-*` and the structured
`RateLimit` and `RateLimit-Policy` are read beside them: where they differ, the one that leaves less
is believed. What makes no sense is not said.
"""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from gateway.transport.messages import Headers
from gateway.transport.rate_limit_policy import parse_structured
from gateway.transport.rate_limit_status import RateLimitStatus

if TYPE_CHECKING:
    import httpx

SHORTEST, LONGEST = 1.0, 900.0
"""Seconds that a wait of nothing is, and the longest that is believed: a window."""
MOST = 1_000_000
"""No limit of calls is believed above this."""
EPOCH = 1_000_000_000
"""From here on a Reset is a point in time, not a number of seconds."""

_NUMBER = re.compile(rb"(-?)(\d+)(\.\d+)?").fullmatch
_MILLISECONDS = 1_000
_DIGITS = 15
"""Digits of a number that is read for what it is."""
_RETRY_AFTER, _DATE = b"retry-after", b"date"
_NAMES = tuple(
    tuple(prefix + name for name in (b"limit", b"remaining", b"reset"))
    for prefix in (b"ratelimit-", b"x-ratelimit-", b"x-rate-limit-")
)
"""The spellings of limit, remaining and reset."""
_STRUCTURED, _POLICY = b"ratelimit", b"ratelimit-policy"
_TELLING = frozenset(
    {_RETRY_AFTER, _DATE, _STRUCTURED, _POLICY, *(name for names in _NAMES for name in names)}
)
FORBIDDEN, REFUSED = 403, 429

HeaderValues = dict[bytes, bytes]
"""What headers say, by their names; nothing sensible where they are repeated and differ."""


def parse_rate_limit(headers: httpx.Headers) -> RateLimitStatus:
    """The RateLimit-* headers of an answer."""
    return _window(_values(headers))


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds `Retry-After` asks for, up to 900; None when it is absent, repeated or garbage.

    A wait of nothing is one of a second; a fraction of one is what it says.
    """
    return _parse_retry_after(_values(headers))


def retry_delay_of_429(headers: httpx.Headers) -> float | None:
    """Seconds a 429 asks everybody to stay away, 1 to 900; None when it does not say.

    The later of Retry-After and the window's end. Where calls remain in the window, its end is
    not what this refusal waits for, and only Retry-After counts.
    """
    said = _values(headers)
    window, asked = _window(said), _parse_retry_after(said)
    if window.reset is None or (window.remaining and asked is not None):
        return asked
    return _clamped(max(window.reset, asked or 0.0))


def limited(response: httpx.Response) -> bool:
    """Whether an answer refuses for want of calls: 429, or 403 as other APIs say the same.

    A 403 says so by a `Retry-After` with nothing remaining.
    """
    if response.status_code != FORBIDDEN:
        return response.status_code == REFUSED
    said = _values(response.headers)
    return _parse_retry_after(said) is not None and _window(said).remaining == 0


def date_of(headers: httpx.Headers) -> float | None:
    """When the answer says it was made (RFC 9110, 6.6.1), in Unix seconds."""
    return _date(_values(headers).get(_DATE))


def _values(headers: httpx.Headers) -> HeaderValues:
    """One walk over the headers, unless the wire made it: looking each up takes httpx several."""
    told = headers.by_name if isinstance(headers, Headers) else None
    if told is not None:
        return told
    said: HeaderValues = {}
    for name, value in headers.raw:
        known = name.lower()
        if known in _TELLING:
            stripped = value.strip()
            if said.setdefault(known, stripped) != stripped:
                said[known] = b""
    return said


def _window(said: HeaderValues) -> RateLimitStatus:
    """What is said of the window, in whichever of the spellings leaves least."""
    found = [_spelt(said, *names) for names in _NAMES if not said.keys().isdisjoint(names)]
    if _STRUCTURED in said:
        found.append(parse_structured(said[_STRUCTURED], said.get(_POLICY, b"")))
    if len(found) <= 1:
        return found[0] if found else RateLimitStatus()
    least = min(found, key=lambda each: math.inf if each.remaining is None else each.remaining)
    limits = [each.limit for each in (least, *found) if each.limit is not None]
    resets = [each.reset for each in (least, *found) if each.reset is not None]
    return RateLimitStatus(
        limits[0] if limits else None, least.remaining, resets[0] if resets else None
    )


def _spelt(said: HeaderValues, limit: bytes, remaining: bytes, reset: bytes) -> RateLimitStatus:
    most, left = _number(said.get(limit)), _number(said.get(remaining))
    if most is not None and not 1 <= most <= MOST:
        most = None
    if left is not None and left > (most or MOST):
        left = None
    return RateLimitStatus(
        None if most is None else int(most),
        None if left is None else max(0, int(left)),
        _reset(said, reset),
    )


def _reset(said: HeaderValues, name: bytes) -> float | None:
    """Seconds until the window ends; None for 0, which is as often said where it is not known."""
    text = said.get(name)
    seconds = _number(text)
    if seconds is None:
        seconds = None if text is None else _until(text, said)
    elif seconds > EPOCH:
        sent = _date(said.get(_DATE))
        seconds = None if sent is None else _instant(seconds) - sent
    return seconds if seconds is not None and 0 < seconds <= LONGEST else None


def _instant(number: float) -> float:
    """A point in time in Unix seconds, that may be counted in milliseconds."""
    return number / _MILLISECONDS if number > EPOCH * _MILLISECONDS else number


def _parse_retry_after(said: HeaderValues) -> float | None:
    text = said.get(_RETRY_AFTER)
    if text is None:
        return None
    seconds = _number(text)
    if seconds is None:
        seconds = _until(text, said)
    elif seconds < 0:
        return None
    return None if seconds is None else _clamped(seconds)


def _number(text: bytes | None) -> float | None:
    """The decimal number, if it is one; as large as any where it has too many digits."""
    found = None if text is None else _NUMBER(text)
    if found is None:
        return None
    sign, whole, fraction = found.groups()
    number = float(whole + (fraction or b"")) if len(whole) <= _DIGITS else float(10**_DIGITS)
    return -number if sign else number


def _until(text: bytes, said: HeaderValues) -> float | None:
    then, sent = _date(text), _date(said.get(_DATE))
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
