"""What an answer's headers say about the window and about coming back (API page, status 429).

The API documents delta seconds (`RateLimit-Reset: 893`); dates and epochs are read too, always
against the answer's own `Date`, so that our clock may be wrong. What makes no sense is not said.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from gateway.upstream.whole import Fields

if TYPE_CHECKING:
    import httpx

SHORTEST, LONGEST = 1.0, 900.0
"""Seconds a stated wait is held to: never a loop, never longer than a window."""
MOST = 1_000_000
"""No limit of calls is believed above this."""
EPOCH = 1_000_000_000
"""From here on a Reset is a point in time, not a number of seconds."""

_DIGITS = len(str(EPOCH))
_LIMIT, _REMAINING, _RESET = b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset"
_RETRY_AFTER, _DATE = b"retry-after", b"date"
_TELLING = frozenset({_LIMIT, _REMAINING, _RESET, _RETRY_AFTER, _DATE})

Said = dict[bytes, bytes]
"""What headers say, by their names; nothing sensible where they are repeated and differ."""


class Reading(NamedTuple):
    """What one answer said of the window; None for what it did not say, or not sensibly."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    """Seconds from the answer to the window's end."""


def reading(headers: httpx.Headers) -> Reading:
    """The RateLimit-* headers of an answer."""
    return _window(_said(headers))


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds `Retry-After` asks for, 1 to 900; None when it is absent, repeated or garbage."""
    return _asked(_said(headers))


def stated_wait(headers: httpx.Headers) -> float | None:
    """Seconds a 429 asks everybody to stay away, 1 to 900; None when it does not say.

    The later of Retry-After and the window's end. Where calls remain in the window, its end is
    not what this refusal waits for, and only Retry-After counts.
    """
    said = _said(headers)
    window, asked = _window(said), _asked(said)
    if window.reset is None or (window.remaining and asked is not None):
        return asked
    return _clamped(max(window.reset, asked or 0.0))


def date_of(headers: httpx.Headers) -> float | None:
    """When the answer says it was made (RFC 9110, 6.6.1), in Unix seconds."""
    return _date(_said(headers).get(_DATE))


def _said(headers: httpx.Headers) -> Said:
    """One walk over the headers, unless the wire made it: looking each up takes httpx several."""
    told = headers.told if isinstance(headers, Fields) else None
    if told is not None:
        return told
    said: Said = {}
    for name, value in headers.raw:
        known = name.lower()
        if known in _TELLING:
            stripped = value.strip()
            if said.setdefault(known, stripped) != stripped:
                said[known] = b""
    return said


def _window(said: Said) -> Reading:
    limit, remaining = _number(said.get(_LIMIT)), _number(said.get(_REMAINING))
    if limit is not None and not 1 <= limit <= MOST:
        limit = None
    if remaining is not None and remaining > (limit or MOST):
        remaining = None
    return Reading(limit, remaining, _reset(said))


def _reset(said: Said) -> float | None:
    number = _number(said.get(_RESET))
    if number is None:
        return None
    seconds = float(number)
    if number > EPOCH:
        sent = _date(said.get(_DATE))
        if sent is None:
            return None
        seconds = number - sent
    return seconds if 1 <= seconds <= LONGEST else None


def _asked(said: Said) -> float | None:
    text = said.get(_RETRY_AFTER)
    if text is None:
        return None
    number = _number(text)
    seconds = _until(text, said) if number is None else float(number)
    return None if seconds is None else _clamped(seconds)


def _number(text: bytes | None) -> int | None:
    """The number if it is one; any of more than ten digits is as good as the largest of ten."""
    if text is None or not text.isdigit():
        return None
    return int(text) if len(text) <= _DIGITS else 10 * EPOCH - 1


def _until(text: bytes, said: Said) -> float | None:
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
    return min(max(seconds, SHORTEST), LONGEST)
