"""Strict parsing of the API's values for the graph's scalars; invalid values raise `ValueError`."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import NewType, TypeVar

from graphql import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT, GraphQLError

T = TypeVar("T")

Timestamp = NewType("Timestamp", str)
"""An instant in UTC: RFC 3339, 5.6, `date-time`, in upper case and with the offset Z."""

_DATE_TIME = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
).fullmatch
_PLAIN = re.compile(
    r"[0-9]{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|"
    r"(?:0[13578]|1[02])-31)T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?Z"
).fullmatch
"""Instants that are written as the graph writes them, without leap days and leap seconds."""
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?").fullmatch
_EXACT = 2**53
"""The largest magnitude up to which a double equals each whole number."""
_CYCLE = 400
"""Years after which the Gregorian calendar repeats.

`datetime` ranges from year 1 to 9999, RFC 3339 from year 0.
"""


def instant(text: str) -> Timestamp:
    """Return the instant in UTC with its fraction of a second unchanged. Raises `ValueError`."""
    if _PLAIN(text):
        return Timestamp(text)
    found = _DATE_TIME(text)
    if found is None:
        raise ValueError
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    away = _CYCLE if int(year) < 5_000 else -_CYCLE  # noqa: PLR2004 - the middle of all years
    utc = datetime(int(year) + away, int(month), int(day), int(hour), int(minute))  # noqa: DTZ001 - the offset follows
    if offset not in {"Z", "z"}:
        shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:]))
        utc += shift if offset[0] == "-" else -shift
    if not 0 <= utc.year - away <= 9999:  # noqa: PLR2004 - four digits
        raise ValueError
    # A leap second may follow the last minute of a month in UTC (RFC 3339, 5.7).
    if second == "60" and f"{utc + timedelta(minutes=1):%d%H%M}" != "010000":
        raise ValueError
    date = f"{utc.year - away:04}-{utc:%m-%dT%H:%M}"
    return Timestamp(f"{date}:{second}{fraction or ''}Z")


def parse_instant(value: object) -> Timestamp:
    """Return the instant that an input names. Raises `GraphQLError`."""
    try:
        return instant(str(value))
    except ValueError:
        raise GraphQLError("A DateTime must be written as 2026-07-01T22:49:27Z.") from None


def moment(value: object) -> str:
    """Return an instant so that the later of two is the greater text. Raises `ValueError`."""
    text = value if isinstance(value, str) else ""
    second, point, fraction = instant(text)[:-1].partition(".")
    fraction = fraction.rstrip("0")
    return f"{second}{point}{fraction}" if fraction else second


def number(value: object) -> float:
    """Return a number, or a plain decimal in a string, as the nearest double. Raises `ValueError`.

    A value that a double would round is an error, too: the double's shortest decimal form must
    equal it.
    """
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return float(value)
    plain = _DECIMAL(value) if isinstance(value, str) else not isinstance(value, bool)
    if not plain or not isinstance(value, (int, float, str)):
        raise ValueError
    try:
        found = float(value)
    except OverflowError:
        raise ValueError from None
    if not isfinite(found):
        raise ValueError
    if not isinstance(value, float) and Decimal(repr(found)) != Decimal(value):
        raise ValueError
    return found


def integer(value: object) -> int:
    """Return a whole number within the range of `Int` (GraphQL, 3.5.1). Raises `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise ValueError
    if not GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT:
        raise ValueError
    return int(value)


def digits(value: object) -> str:
    """Return a whole number of any size as decimal digits. Raises `ValueError`."""
    if type(value) is not int:
        raise ValueError
    return str(value)


def strings(value: object) -> list[str]:
    """Return a list of strings. Raises `ValueError`."""
    if not isinstance(value, list) or not set(map(type, value)) <= {str}:
        raise ValueError
    return value


def held(read: Callable[[object], T], value: object) -> T | None:
    """Return what `read` returns for a value; None if it raises `ValueError`."""
    try:
        return read(value)
    except ValueError:
        return None
