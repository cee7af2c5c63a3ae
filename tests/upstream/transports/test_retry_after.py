"""What headers say, however badly they say it."""

import httpx
import pytest

from gateway.upstream.retry_after import Reading, reading, retry_after, stated_wait

DATE = "Tue, 24 Nov 2026 02:00:00 GMT"
MINUTE_LATER = "Tue, 24 Nov 2026 02:01:00 GMT"
EPOCH = 1_795_485_600  # DATE

Headers = list[tuple[str, str]]


def test_the_documented_headers_are_read() -> None:
    headers = httpx.Headers(
        {"RateLimit-Limit": "500", "RateLimit-Remaining": "123", "RateLimit-Reset": "893"}
    )

    assert reading(headers) == Reading(limit=500, remaining=123, reset=893.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("RateLimit-Limit", value) for value in ("0", "-5", "1e9", "lots", "99999999999", "")),
        *(("RateLimit-Remaining", value) for value in ("-1", "NaN", "1.5", "99999999999", "½")),
        *(("RateLimit-Reset", value) for value in ("0", "-1", "901", "soon", "9" * 5000)),
    ],
)
def test_absurd_headers_say_nothing(name: str, value: str) -> None:
    assert reading(httpx.Headers([(name.encode(), value.encode())])) == Reading()


def test_a_remaining_above_the_limit_says_nothing() -> None:
    headers = httpx.Headers({"RateLimit-Limit": "500", "RateLimit-Remaining": "501"})

    assert reading(headers) == Reading(limit=500)


def test_a_header_sent_twice_says_something_only_if_both_agree() -> None:
    twice = httpx.Headers([("RateLimit-Remaining", "3"), ("RateLimit-Remaining", "4")])
    same = httpx.Headers([("RateLimit-Remaining", "3"), ("RateLimit-Remaining", "3")])

    assert (reading(twice).remaining, reading(same).remaining) == (None, 3)


def test_a_reset_that_is_a_point_in_time_is_counted_from_the_answers_own_date() -> None:
    headers = httpx.Headers({"RateLimit-Reset": str(EPOCH + 90), "Date": DATE})

    assert reading(headers).reset == 90.0
    assert reading(httpx.Headers({"RateLimit-Reset": str(EPOCH + 90)})).reset is None


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
        ([("Retry-After", "1.5")], None),
        ([("Retry-After", "")], None),
        ([("Retry-After", "5"), ("Retry-After", "7")], None),
        ([], None),
    ],
)
def test_retry_after_is_seconds_or_a_date_held_to_a_window_and_else_nothing(
    headers: Headers, seconds: float | None
) -> None:
    assert retry_after(httpx.Headers(headers)) == seconds


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
    assert stated_wait(httpx.Headers(headers)) == seconds


def test_where_calls_remain_only_retry_after_counts() -> None:
    headers = httpx.Headers(
        {"Retry-After": "1", "RateLimit-Reset": "800", "RateLimit-Remaining": "250"}
    )

    assert stated_wait(headers) == 1.0
