"""Backoff and allowance, on times and chances made up."""

import pytest

from gateway.api.retry import RetryBudget, retry_delay
from gateway.transport.errors import ReadError
from schema.source.request_context import RateLimitState

PLENTY = RateLimitState(limit=500, remaining=500, reset_seconds=900)


def take(budget: RetryBudget, now: float, state: RateLimitState) -> bool:
    """Retry if that is allowed."""
    allowed = budget.allows(now, state)
    if allowed:
        budget.retried(now)
    return allowed


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 0.0), (0.5, 0.025), (1.0, 0.05)])
def test_a_backoff_is_anything_up_to_a_twentieth_of_a_second(chance: float, seconds: float) -> None:
    first = ReadError("x")

    assert retry_delay("GET", first, left=9, affordable=True, chance=chance) == seconds


def test_an_attempt_needs_a_quarter_of_a_second_after_its_backoff() -> None:
    first = ReadError("x")

    assert retry_delay("GET", first, left=0.3, affordable=True, chance=1.0) == 0.05
    assert retry_delay("GET", first, left=0.29, affordable=True, chance=1.0) is None


def test_one_retry_is_always_allowed_in_ten_seconds_and_not_two() -> None:
    allowance = RetryBudget()
    allowance.called(0)

    assert [take(allowance, at, PLENTY) for at in (0, 1, 9.9, 10)] == [True, False, False, True]


def test_a_tenth_of_the_calls_of_ten_seconds_may_be_repeated() -> None:
    allowance = RetryBudget()
    for _ in range(35):
        allowance.called(0)

    assert sum(take(allowance, 1, PLENTY) for _ in range(10)) == 3


def test_ten_retries_are_the_most_in_a_window() -> None:
    allowance = RetryBudget()

    assert sum(take(allowance, at, PLENTY) for at in range(0, 899, 10)) == 10
    assert take(allowance, 900, PLENTY)


def test_no_retry_is_made_while_less_than_a_fifth_of_the_window_is_left() -> None:
    low = RateLimitState(limit=500, remaining=99, reset_seconds=900)
    enough = RateLimitState(limit=500, remaining=100, reset_seconds=900)

    assert not take(RetryBudget(), 0, low)
    assert take(RetryBudget(), 0, enough)
