"""What a value of the API becomes in the graph, or that it is refused."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schema.types.scalars import digits, instant, integer, number, strings

RFC_3339_IN_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z")


def refuses(read: Callable[[Any], object], value: object) -> bool:
    try:
        read(value)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-07-01T22:49:27.331Z", "2026-07-01T22:49:27.331Z"),
        ("2026-07-01T22:49:27Z", "2026-07-01T22:49:27Z"),
        ("2026-07-15t14:32:10z", "2026-07-15T14:32:10Z"),
        ("2026-07-15T14:32:10+00:00", "2026-07-15T14:32:10Z"),
        ("2026-07-15T14:32:10-00:00", "2026-07-15T14:32:10Z"),
        ("2026-07-15T00:32:10.5+02:00", "2026-07-14T22:32:10.5Z"),
        ("2026-12-31T23:59:59-05:30", "2027-01-01T05:29:59Z"),
        ("2026-07-15T14:32:10.123456789Z", "2026-07-15T14:32:10.123456789Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
        ("2016-12-31T18:59:60.25-05:00", "2016-12-31T23:59:60.25Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("0000-02-29T00:00:00Z", "0000-02-29T00:00:00Z"),
        ("0001-01-01T00:00:00+01:00", "0000-12-31T23:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_an_instant_is_shown_in_utc(text: str, shown: str) -> None:
    assert instant(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026-07-15", "2026-W29-3", "2026-W29-3T14:32:10Z", "2026-196"),
        *("20260715T143210Z", "2026-07-15T14:32Z", "2026-07-15T14Z", "2026-07-15T14:32:10"),
        *("2026-07-15 14:32:10Z", "2026-07-15T14:32:10+02", "2026-07-15T14:32:10+0200"),
        *("2026-07-15T14:32:10+24:00", "2026-07-15T14:32:10+02:60", "2026-07-15T14:32:10 Z"),
        *("2026-07-15T14:32:10,5Z", "2026-07-15T14:32:10.Z", "2026-07-15T24:00:00Z"),
        *("2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z"),
        *("2026-07-32T00:00:00Z", "2026-07-00T00:00:00Z", "2026-07-15T14:60:00Z"),
        *("2026-07-15T14:32:60Z", "2026-07-15T23:59:60Z", "2026-12-31T23:59:60+01:00"),
        *("2026-12-31T23:59:61Z", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z"),
        *("0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "+2026-07-15T14:32:10Z"),
        *("٢٠٢٦-07-15T14:32:10Z", "2026-07-15T14:32:10Z\n", " 2026-07-15T14:32:10Z"),
        *("1789000000", "2026-07-15T14:32:10GMT", "2026-07-15T14:32:10−02:00"),  # noqa: RUF001
    ],
)
def test_what_is_no_instant_of_rfc_3339_is_refused(text: str) -> None:
    assert refuses(instant, text)


@given(
    some.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)),  # noqa: DTZ001 - the offset is drawn
    some.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_an_instant_stays_the_same_instant(naive: datetime, minutes: int) -> None:
    there = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    shown = instant(there.isoformat())

    assert RFC_3339_IN_UTC.fullmatch(shown)
    assert datetime.fromisoformat(shown) == there
    assert datetime.fromisoformat(shown).astimezone(UTC) == there


@given(some.text(max_size=30) | some.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*", fullmatch=True))
def test_whatever_text_comes_is_shown_in_utc_or_refused(text: str) -> None:
    try:
        shown = instant(text)
    except ValueError:
        return
    assert RFC_3339_IN_UTC.fullmatch(shown)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[(0, 0.0), (250_000, 250_000.0), (-1.5, -1.5), ("12.50", 12.5), ("0", 0.0)],
        *[("-3", -3.0), ("250000.00", 250_000.0), ("0.1", 0.1), (2**53, 2.0**53), (1e21, 1e21)],
        *[("007", 7.0), ("123456789012.34", 123456789012.34)],
    ],
)
def test_a_number_or_a_plain_decimal_is_a_number(value: Any, shown: float) -> None:
    found = number(value)

    assert (found, type(found)) == (shown, float)


@pytest.mark.parametrize(
    "value",
    [
        *("", "many", "1_000", "NaN", "nan", "Infinity", "inf", "1e3", "1E3", " 1 ", "1 ", "\t1"),
        *("+1", ".5", "5.", "1,5", "1.000,00", "0x10", "١٢", "½", "²", "1\n", "--1", "$5", "5 USD"),
        *(True, False, math.inf, -math.inf, math.nan, 10**400, 2**53 + 1, "9007199254740993"),
        *(None, [], [1], {}, {"amount": 1}, b"1", "1" * 400),
    ],
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    assert refuses(number, value)


@pytest.mark.parametrize(("value", "shown"), [(1, 1), (2**31 - 1, 2**31 - 1), (3.0, 3), (-1, -1)])
def test_a_whole_number_that_int_holds_is_shown(value: Any, shown: int) -> None:
    found = integer(value)

    assert (found, type(found)) == (shown, int)


@pytest.mark.parametrize(
    "value", [2**31, -(2**31) - 1, 10**30, 1.5, math.inf, math.nan, True, "3", None, [3]]
)
def test_any_other_is_refused(value: Any) -> None:
    assert refuses(integer, value)


def test_digits_are_of_whole_numbers_of_any_size() -> None:
    assert [digits(value) for value in (7, 2**31, 2**63)] == ["7", "2147483648", str(2**63)]


@pytest.mark.parametrize(
    ("read", "value"),
    [(digits, True), (digits, 1.0), (digits, "7"), (strings, "condo"), (strings, [1])],
)
def test_what_is_of_another_type_is_refused(read: Any, value: Any) -> None:
    assert refuses(read, value)
