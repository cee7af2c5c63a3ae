"""What headers say, however badly they say it."""

import pytest

from gateway.transport.rate_limit_headers import (
    limited,
    parse_rate_limit,
    retry_after,
    retry_delay_of_429,
)
from gateway.transport.rate_limit_status import RateLimitStatus
from tests.wires import headers_of, respond

DATE = "Tue, 24 Nov 2026 02:00:00 GMT"
MINUTE_LATER = "Tue, 24 Nov 2026 02:01:00 GMT"
EPOCH = 1_795_485_600  # DATE

Headers = list[tuple[str, str]]


def test_the_documented_headers_are_read() -> None:
    headers = headers_of(
        {"RateLimit-Limit": "500", "RateLimit-Remaining": "123", "RateLimit-Reset": "893"}
    )

    assert parse_rate_limit(headers) == RateLimitStatus(limit=500, remaining=123, reset=893.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("RateLimit-Limit", value) for value in ("0", "-5", "1e9", "lots", "99999999999", "")),
        *(("RateLimit-Remaining", value) for value in ("--1", "NaN", "1.5.1", "99999999999", "½")),
        *(("RateLimit-Reset", value) for value in ("0", "-1", "901", "soon", "9" * 5000)),
    ],
)
def test_absurd_headers_say_nothing(name: str, value: str) -> None:
    assert parse_rate_limit(headers_of({name: value})) == RateLimitStatus()


def test_a_remaining_above_the_limit_says_nothing() -> None:
    headers = headers_of({"RateLimit-Limit": "500", "RateLimit-Remaining": "501"})

    assert parse_rate_limit(headers) == RateLimitStatus(limit=500)


def test_a_header_sent_twice_says_something_only_if_both_agree() -> None:
    twice = headers_of([("RateLimit-Remaining", "3"), ("RateLimit-Remaining", "4")])
    same = headers_of([("RateLimit-Remaining", "3"), ("RateLimit-Remaining", "3")])

    assert (parse_rate_limit(twice).remaining, parse_rate_limit(same).remaining) == (None, 3)


def test_a_reset_that_is_a_point_in_time_is_counted_from_the_answers_own_date() -> None:
    headers = headers_of({"RateLimit-Reset": str(EPOCH + 90), "Date": DATE})

    assert parse_rate_limit(headers).reset == 90.0
    assert parse_rate_limit(headers_of({"RateLimit-Reset": str(EPOCH + 90)})).reset is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Retry-After", "17")], 17.0),
        ([("Retry-After", " 17 ")], 17.0),
        ([("Retry-After", "0")], 1.0),
        ([("Retry-After", "1000000000")], 900.0),
        ([("Retry-After", "9" * 5000)], 900.0),
        ([("Retry-After", MINUTE_LATER), ("Date", DATE)], 60.0),
        ([("Retry-After", DATE), ("Date", MINUTE_LATER)], 1.0),
        ([("Retry-After", MINUTE_LATER)], None),
        ([("Retry-After", MINUTE_LATER), ("Date", "yesterday")], None),
        ([("Retry-After", "Tue, 99 Nov 2026 02:00:00 GMT"), ("Date", DATE)], None),
        ([("Retry-After", "-1")], None),
        ([("Retry-After", "soon")], None),
        ([("Retry-After", "NaN")], None),
        ([("Retry-After", "1.5")], 1.5),
        ([("Retry-After", "0.25")], 0.25),
        ([("Retry-After", ".5")], None),
        ([("Retry-After", "")], None),
        ([("Retry-After", "5"), ("Retry-After", "7")], None),
        ([], None),
    ],
)
def test_retry_after_is_seconds_or_a_date_held_to_a_window_and_else_nothing(
    headers: Headers, seconds: float | None
) -> None:
    assert retry_after(headers_of(headers)) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Retry-After", "5"), ("RateLimit-Reset", "300"), ("RateLimit-Remaining", "0")], 300.0),
        ([("Retry-After", "400"), ("RateLimit-Reset", "300")], 400.0),
        ([("Retry-After", "soon"), ("RateLimit-Reset", "300")], 300.0),
        ([("RateLimit-Reset", "300"), ("RateLimit-Remaining", "7")], 300.0),
        ([("Retry-After", "5")], 5.0),
        ([], None),
    ],
)
def test_a_429_keeps_everybody_away_until_the_later_of_what_it_states(
    headers: Headers, seconds: float | None
) -> None:
    assert retry_delay_of_429(headers_of(headers)) == seconds


def test_where_calls_remain_only_retry_after_counts() -> None:
    headers = headers_of(
        {"Retry-After": "1", "RateLimit-Reset": "800", "RateLimit-Remaining": "250"}
    )

    assert retry_delay_of_429(headers) == 1.0


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([("RateLimit-Remaining", "-3")], RateLimitStatus(remaining=0)),
        ([("RateLimit-Remaining", "7.9")], RateLimitStatus(remaining=7)),
        ([("RateLimit-Reset", "0.5")], RateLimitStatus(reset=0.5)),
        (
            [("RateLimit-Reset", str(EPOCH * 1000 + 90_000)), ("Date", DATE)],
            RateLimitStatus(reset=90.0),
        ),
        ([("RateLimit-Reset", MINUTE_LATER), ("Date", DATE)], RateLimitStatus(reset=60.0)),
        (
            [
                ("X-RateLimit-Limit", "500"),
                ("X-RateLimit-Remaining", "40"),
                ("X-RateLimit-Reset", str(EPOCH + 90)),
                ("Date", DATE),
            ],
            RateLimitStatus(500, 40, 90.0),
        ),
        ([("X-Rate-Limit-Remaining", "40")], RateLimitStatus(remaining=40)),
        ([("RateLimit", "limit=500, remaining=40, reset=60")], RateLimitStatus(500, 40, 60.0)),
        (
            [("RateLimit", '"window";r=40;t=60'), ("RateLimit-Policy", '"window";q=500;w=900')],
            RateLimitStatus(500, 40, 60.0),
        ),
        ([("RateLimit", '"window";r=40')], RateLimitStatus(remaining=40)),
        ([("RateLimit", '"window";r=-2;t=60')], RateLimitStatus(remaining=0, reset=60.0)),
        ([("RateLimit", '"window";r="40";t=?1')], RateLimitStatus()),
        ([("RateLimit", "(1 2);r=4")], RateLimitStatus()),
        ([("RateLimit", "nonsense here")], RateLimitStatus()),
        ([("RateLimit", "")], RateLimitStatus()),
    ],
)
def test_other_spellings_of_the_window_are_read(headers: Headers, found: RateLimitStatus) -> None:
    assert parse_rate_limit(headers_of(headers)) == found


def test_of_several_policies_the_scarcest_counts_and_none_that_only_limits_bursts() -> None:
    headers = headers_of(
        {
            "RateLimit": '"burst";r=0;t=1, "hour";r=30;t=800, "day";r=900;t=70000',
            "RateLimit-Policy": '"burst";q=10;w=1, "hour";q=200;w=3600, "day";q=5000;w=86400',
        }
    )

    assert parse_rate_limit(headers) == RateLimitStatus(200, 30, 800.0)


def test_where_headers_contradict_each_other_the_one_that_leaves_less_is_believed() -> None:
    headers = headers_of(
        {
            "RateLimit-Limit": "500",
            "RateLimit-Remaining": "400",
            "RateLimit-Reset": "300",
            "X-RateLimit-Remaining": "12",
            "RateLimit": '"window";r=90;t=200',
        }
    )

    assert parse_rate_limit(headers) == RateLimitStatus(500, 12, 300.0)


@pytest.mark.parametrize(
    ("status", "headers", "spent"),
    [
        (429, {}, True),
        (403, {"Retry-After": "60", "RateLimit-Remaining": "0"}, True),
        (403, {"Retry-After": "60", "X-RateLimit-Remaining": "-1"}, True),
        (403, {"Retry-After": "60"}, False),
        (403, {"RateLimit-Remaining": "0"}, False),
        (403, {"Retry-After": "60", "RateLimit-Remaining": "3"}, False),
        (503, {"Retry-After": "60", "RateLimit-Remaining": "0"}, False),
    ],
)
def test_a_403_with_nothing_remaining_and_a_time_to_come_back_is_a_rate_limit(
    status: int,
    headers: dict[str, str],
    spent: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert limited(respond(status, headers=headers)) is spent
