"""The breaker, on times made up."""

from gateway.ratelimit.circuit_breaker import LONGEST, CircuitBreaker, FailedCall


def fail(breaker: CircuitBreaker, *callers: str, now: float = 0.0) -> None:
    for caller in callers:
        breaker.failed(now, FailedCall(caller, "/1"), trying=breaker.enter())


def test_an_api_that_answers_is_called() -> None:
    breaker = CircuitBreaker()
    for _ in range(100):
        breaker.answered(0, "c", trying=breaker.enter())

    assert breaker.wait(0) == 0


def test_five_failures_in_a_row_of_two_callers_open_it_for_five_seconds() -> None:
    breaker = CircuitBreaker()
    fail(breaker, "a", "a", "b", "a")
    before = breaker.wait(0)
    fail(breaker, "a")

    assert (before, breaker.wait(0), breaker.wait(4)) == (0.0, 5.0, 1.0)


def test_one_callers_failures_open_it_for_no_other() -> None:
    breaker = CircuitBreaker()
    fail(breaker, *["a"] * 50)

    assert breaker.wait(0) == 0


def test_an_answer_breaks_the_row() -> None:
    breaker = CircuitBreaker()
    fail(breaker, "a", "b", "a", "b")
    breaker.answered(0, "c", trying=False)
    fail(breaker, "a", "b", "a", "b")

    assert breaker.wait(0) == 0


def test_half_of_ten_calls_in_thirty_seconds_open_it_too() -> None:
    breaker = CircuitBreaker()
    for at in range(5):
        breaker.answered(at, "c", trying=False)
        fail(breaker, "ab"[at % 2], now=at)

    assert breaker.wait(4) == 5.0


def test_what_failed_longer_ago_is_forgotten() -> None:
    breaker = CircuitBreaker()
    for at in range(5):
        breaker.answered(at * 10, "c", trying=False)
        fail(breaker, "ab"[at % 2], now=at * 10)

    assert breaker.wait(40) == 0


def test_then_one_request_tries_and_an_answer_closes_it() -> None:
    breaker = CircuitBreaker()
    fail(breaker, *"ababa")
    trying = breaker.enter()
    others = breaker.wait(5)
    breaker.answered(6, "c", trying=trying)

    assert trying
    assert others > 0
    assert (breaker.wait(6), breaker.enter()) == (0.0, False)
    fail(breaker, *"abab", now=6)
    assert breaker.wait(6) == 0


def test_each_failed_try_doubles_the_time_up_to_a_minute() -> None:
    breaker = CircuitBreaker()
    fail(breaker, *"ababa")
    now, waits = 0.0, []
    for _ in range(6):
        waits.append(breaker.wait(now))
        now += waits[-1]
        fail(breaker, "a", now=now)

    assert waits == [5.0, 10.0, 20.0, 40.0, LONGEST, LONGEST]


def test_a_try_that_says_nothing_leaves_it_to_another() -> None:
    breaker = CircuitBreaker()
    fail(breaker, *"ababa")
    breaker.unknown(trying=breaker.enter())

    assert (breaker.wait(5), breaker.enter()) == (0.0, True)


def test_what_was_sent_before_it_opened_says_nothing_after() -> None:
    breaker = CircuitBreaker()
    fail(breaker, *"ababa")
    breaker.answered(1, "c", trying=False)
    breaker.failed(1, FailedCall("a", "/1"), trying=False)

    assert breaker.wait(1) == 4.0


def fail_at(breaker: CircuitBreaker, caller: str, *whats: str | None, now: float = 0.0) -> None:
    for what in whats:
        breaker.failed(now, FailedCall(caller, what), trying=breaker.enter())


def test_where_one_caller_is_alone_different_things_that_fail_open_it() -> None:
    breaker = CircuitBreaker()
    fail_at(breaker, "a", "/1", "/1", "/1", "/1")
    before = breaker.wait(0, "a")
    fail_at(breaker, "a", "/2")

    assert (before, breaker.wait(0, "a")) == (0.0, 5.0)


def test_one_callers_poisoned_record_does_not_open_it_though_it_is_alone() -> None:
    breaker = CircuitBreaker()
    fail_at(breaker, "a", *["/1"] * 50)

    assert breaker.wait(0, "a") == 0


def test_an_api_to_which_no_connection_stands_is_not_called_whatever_is_requested() -> None:
    breaker = CircuitBreaker()
    fail_at(breaker, "a", *[None] * 5)

    assert breaker.wait(0, "a") == 5.0


def test_while_others_are_answered_one_caller_does_not_open_it() -> None:
    breaker = CircuitBreaker()
    breaker.answered(0, "b", trying=False)
    fail_at(breaker, "a", *(f"/{number}" for number in range(50)))

    assert breaker.wait(0, "a") == 0


def test_opened_on_one_callers_word_it_lets_another_try_and_then_believes_both() -> None:
    breaker = CircuitBreaker()
    fail_at(breaker, "a", *(f"/{number}" for number in range(5)))
    first = breaker.wait(1, "a"), breaker.wait(1, "b")
    fail_at(breaker, "b", "/9", now=1)
    both = breaker.wait(1, "a"), breaker.wait(1, "b")
    breaker.answered(11, "b", trying=breaker.enter())

    assert first == (4.0, 0.0)
    assert both == (10.0, 10.0)
    assert breaker.wait(11, "a") == 0.0


def test_an_api_that_asks_to_be_left_alone_is_for_so_long_by_everybody() -> None:
    breaker = CircuitBreaker()
    breaker.rest(0, 120)

    assert (breaker.wait(1, "a"), breaker.wait(1, "b"), breaker.wait(120, "a")) == (119, 119, 0)
