"""What an answer's headers say about the window and about coming back (API page, status 429).

The API documents delta seconds (`RateLimit-Reset: 893`); dates and epochs are read too, always
against the answer's own `Date`, so that our clock may be wrong. What makes no sense is not said.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

SHORTEST, LONGEST = 1.0, 900.0
"""Seconds a stated wait is held to: never a loop, never longer than a window."""
MOST = 1_000_000
"""No limit of calls is believed above this."""
EPOCH = 1_000_000_000
"""From here on a Reset is a point in time, not a number of seconds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer said of the window; None for what it did not say, or not sensibly."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    """Seconds from the answer to the window's end."""


def reading(headers: httpx.Headers) -> Reading:
    """The RateLimit-* headers of an answer."""
    limit = _number(headers, "RateLimit-Limit")
    remaining = _number(headers, "RateLimit-Remaining")
    if limit is not None and not 1 <= limit <= MOST:
        limit = None
    if remaining is not None and remaining > (limit or MOST):
        remaining = None
    return Reading(limit=limit, remaining=remaining, reset=_reset(headers))


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds `Retry-After` asks for, 1 to 900; None when it is absent, repeated or garbage."""
    text = _single(headers, "Retry-After")
    if text is None:
        return None
    seconds = float(_digits(text)) if _is_number(text) else _until(text, headers)
    return None if seconds is None else _clamped(seconds)


def stated_wait(headers: httpx.Headers) -> float | None:
    """Seconds a 429 asks everybody to stay away, 1 to 900; None when it does not say.

    The later of Retry-After and the window's end. Where calls remain in the window, its end is
    not what this refusal waits for, and only Retry-After counts.
    """
    said = reading(headers)
    asked = retry_after(headers)
    if said.reset is None or (said.remaining and asked is not None):
        return asked
    return _clamped(max(said.reset, asked or 0.0))


def date_of(headers: httpx.Headers) -> float | None:
    """When the answer says it was made (RFC 9110, 6.6.1), in Unix seconds."""
    return _date(_single(headers, "Date"))


def _reset(headers: httpx.Headers) -> float | None:
    number = _number(headers, "RateLimit-Reset")
    if number is None:
        return None
    seconds = float(number)
    if number > EPOCH:
        sent = date_of(headers)
        if sent is None:
            return None
        seconds = number - sent
    return seconds if 1 <= seconds <= LONGEST else None


def _number(headers: httpx.Headers, name: str) -> int | None:
    text = _single(headers, name)
    return _digits(text) if text is not None and _is_number(text) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _digits(text: str) -> int:
    """The number; anything longer than ten digits is as good as the largest of ten."""
    return int(text) if len(text) <= len(str(EPOCH)) else 10 * EPOCH - 1


def _single(headers: httpx.Headers, name: str) -> str | None:
    values = {value.strip() for value in headers.get_list(name)}
    return values.pop() if len(values) == 1 else None


def _until(text: str, headers: httpx.Headers) -> float | None:
    then, sent = _date(text), date_of(headers)
    return None if then is None or sent is None else then - sent


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _clamped(seconds: float) -> float:
    return min(max(seconds, SHORTEST), LONGEST)
