"""Which unproven credentials are tried, on times made up."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.ratelimit.unknown_credentials import (
    FAILURES,
    SPAN,
    UNTHROTTLED,
    UnknownCredentialLimiter,
)


def try_all(proofs: UnknownCredentialLimiter, names: list[str], now: float) -> list[str]:
    """Who of these is on its way, when all ask at once."""
    going = []
    for name in names:
        if not proofs.wait(name, now) and proofs.room(name, now):
            proofs.record_attempt(name, now)
            going.append(name)
    return going


def after(failures: int, now: float = 0.0) -> UnknownCredentialLimiter:
    """Just after so many failures."""
    proofs = UnknownCredentialLimiter()
    for number in range(failures):
        proofs.record_attempt(f"random {number}", now)
        proofs.failed(f"random {number}", now)
    return proofs


def test_a_few_are_tried_together_each_once() -> None:
    names = ["a", "a", "b", "c", "d", "e"]

    assert try_all(UnknownCredentialLimiter(), names, 0) == ["a", "b", "c", "d"]


def test_successes_make_room_for_more_and_cost_nothing() -> None:
    proofs = UnknownCredentialLimiter()
    most = 0
    for number in range(100):
        going = try_all(proofs, [f"{number} {place}" for place in range(30)], 0)
        most = max(most, len(going))
        for name in going:
            proofs.succeeded(name)

    assert most == 16
    assert proofs.wait("another", 0) == 0


def test_a_failure_makes_them_few_again() -> None:
    proofs = UnknownCredentialLimiter()
    for number in range(20):
        proofs.record_attempt(str(number), 0)
        proofs.succeeded(str(number))
    proofs.record_attempt("random", 0)
    proofs.failed("random", 0)

    assert len(try_all(proofs, [str(number) for number in range(30)], 0)) == 4


def test_after_a_dozen_failures_strangers_are_tried_one_by_one_with_a_pause() -> None:
    proofs = after(UNTHROTTLED)

    assert proofs.wait("a", 0) == 2.0
    assert try_all(proofs, ["a", "b", "c"], 2) == ["a"]
    proofs.failed("a", 2.5)
    assert proofs.wait("b", 2.5) == 2.0


def test_then_too_a_success_lets_the_next_be_tried_at_once() -> None:
    proofs = after(UNTHROTTLED)
    going = []
    for name in ("a", "b", "c"):
        going += try_all(proofs, [name], 2)
        proofs.succeeded(name)

    assert going == ["a", "b", "c"]


def test_no_more_can_fail_together_than_may_fail_in_a_window() -> None:
    proofs = after(FAILURES - 1)
    for name in ("a", "b", "c", "d"):
        try_all(proofs, [name], 2)
        proofs.succeeded(name)

    assert try_all(proofs, ["e", "f", "g"], 2) == ["e"]


def test_when_failures_are_used_up_a_stranger_is_sent_away_and_tried_when_it_comes_back() -> None:
    proofs = after(FAILURES)
    stranger = proofs.is_unknown("a", 0), proofs.wait("a", 0)
    proofs.record_rejection("a", 0)

    assert stranger == (True, 1.0)
    assert (proofs.is_unknown("a", 0.5), proofs.is_unknown("a", 1)) == (True, False)
    assert try_all(proofs, ["b", "a", "c"], 1) == ["a"]


def test_of_those_that_come_back_the_next_is_tried_ten_seconds_after_one_that_failed() -> None:
    proofs = after(FAILURES)
    for name in ("a", "b", "c"):
        proofs.record_rejection(name, 0)
    first = try_all(proofs, ["a", "b"], 1)
    proofs.succeeded("a")
    second = try_all(proofs, ["b"], 1)
    proofs.failed("b", 2)

    assert (first, second) == (["a"], ["b"])
    assert (proofs.wait("c", 2), proofs.wait("c", 12)) == (10.0, 0.0)
    assert proofs.wait("d", 2) == 10.0


def test_a_credential_that_comes_back_does_not_wait_for_strangers() -> None:
    proofs = after(UNTHROTTLED)
    proofs.record_rejection("back", 0)
    try_all(proofs, ["stranger"], 2)
    proofs.failed("stranger", 2)

    assert proofs.wait("another", 2) == 2.0
    assert try_all(proofs, ["back"], 2) == ["back"]


def test_failures_are_forgotten_after_a_window() -> None:
    proofs = after(FAILURES)

    assert proofs.is_unknown("a", SPAN - 1)
    assert not proofs.is_unknown("a", SPAN)
    assert proofs.wait("a", SPAN) == 0


def test_a_credential_without_an_answer_may_be_tried_again() -> None:
    proofs = UnknownCredentialLimiter()
    try_all(proofs, ["a"], 0)
    proofs.unknown("a")

    assert try_all(proofs, ["a"], 0) == ["a"]


@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 40), st.booleans(), st.booleans()), max_size=400
    )
)
def test_failures_of_credentials_that_come_back_are_rationed_however_often_they_come(
    asks: list[tuple[float, int, bool, bool]],
) -> None:
    proofs, now, failures = UnknownCredentialLimiter(), 0.0, []
    for pause, number, new, fails in asks:
        now += pause
        name = f"{number} {now}" if new else str(number)
        if not try_all(proofs, [name], now):
            proofs.record_rejection(name, now)
        elif fails:
            proofs.failed(name, now)
            failures.append(now)
        else:
            proofs.succeeded(name)

    lately = [at for at in failures if at < SPAN]
    assert len(lately) <= FAILURES + 1 + (now / 10)
    for before, later in zip(lately[FAILURES:], lately[FAILURES + 1 :], strict=False):
        assert later - before >= 9.999


@given(st.lists(st.floats(0, 1), max_size=1_000))
def test_of_ever_new_random_keys_no_more_than_25_are_tried_in_a_window(
    pauses: list[float],
) -> None:
    proofs, now, failures = UnknownCredentialLimiter(), 0.0, 0
    for number, pause in enumerate(pauses):
        now = min(now + pause, SPAN - 1)
        if try_all(proofs, [str(number)], now):
            proofs.failed(str(number), now)
            failures += 1
        else:
            proofs.record_rejection(str(number), now)

    assert failures <= FAILURES
