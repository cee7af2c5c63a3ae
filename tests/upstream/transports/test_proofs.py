"""Which unproven credentials are tried, on times made up."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.proofs import EVERY, FAILURES, FEW, MANY, SPAN, Proofs


def try_all(proofs: Proofs, names: list[str], now: float) -> list[str]:
    """Who of these is on its way, when all ask at once."""
    going = []
    for name in names:
        if not proofs.wait(name, now) and proofs.room(name):
            proofs.tried(name)
            going.append(name)
    return going


def exhausted(now: float = 0.0) -> Proofs:
    """All failures are used up, just now."""
    proofs = Proofs()
    for number in range(FAILURES):
        proofs.tried(f"random {number}")
        proofs.failed(f"random {number}", now)
    return proofs


def test_a_few_are_tried_together_each_once() -> None:
    names = ["a", "a", "b", "c", "d", "e"]

    assert try_all(Proofs(), names, 0) == ["a", "b", "c", "d"]


def test_successes_make_room_for_more_and_cost_nothing() -> None:
    proofs = Proofs()
    most = 0
    for number in range(100):
        going = try_all(proofs, [f"{number} {place}" for place in range(30)], 0)
        most = max(most, len(going))
        for name in going:
            proofs.succeeded(name)

    assert most == MANY
    assert proofs.wait("another", 0) == 0


def test_a_failure_makes_them_few_again() -> None:
    proofs = Proofs()
    for number in range(20):
        proofs.succeeded(str(number))
    proofs.failed("random", 0)

    assert len(try_all(proofs, [str(number) for number in range(30)], 0)) == FEW


def test_no_more_can_fail_together_than_may_fail_in_a_window() -> None:
    proofs = Proofs()
    for number in range(FAILURES - 2):
        proofs.failed(str(number), 0)

    assert len(try_all(proofs, ["a", "b", "c"], 0)) == 2


def test_when_failures_are_used_up_a_stranger_is_sent_away_and_tried_when_it_comes_back() -> None:
    proofs = exhausted()
    stranger = proofs.stranger("a", 0), proofs.wait("a", 0)
    proofs.sent_away("a", 0)

    assert stranger == (True, EVERY)
    assert not proofs.stranger("a", 5)
    assert [proofs.wait("a", at) for at in (5, EVERY)] == [5.0, 0.0]
    assert proofs.stranger("b", EVERY)


def test_then_a_success_lets_the_next_be_tried_at_once_and_a_failure_after_ten_seconds() -> None:
    proofs = exhausted()
    for name in ("a", "b", "c"):
        proofs.sent_away(name, 0)
    first = try_all(proofs, ["a", "b"], 10)
    proofs.succeeded("a")
    second = try_all(proofs, ["b"], 10)
    proofs.failed("b", 11)

    assert (first, second) == (["a"], ["b"])
    assert proofs.wait("c", 11) == EVERY


def test_failures_are_forgotten_after_a_window() -> None:
    proofs = exhausted()

    assert proofs.stranger("a", SPAN - 1)
    assert not proofs.stranger("a", SPAN)
    assert proofs.wait("a", SPAN) == 0


def test_one_of_which_the_api_said_nothing_may_be_tried_again() -> None:
    proofs = Proofs()
    proofs.tried("a")
    proofs.unknown("a")

    assert try_all(proofs, ["a"], 0) == ["a"]


@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 40), st.booleans(), st.booleans()), max_size=400
    )
)
def test_whoever_comes_back_however_often_failures_are_rationed(
    asks: list[tuple[float, int, bool, bool]],
) -> None:
    proofs, now, failures = Proofs(), 0.0, []
    for pause, number, new, fails in asks:
        now += pause
        name = f"{number} {now}" if new else str(number)
        if proofs.wait(name, now) or not proofs.room(name):
            proofs.sent_away(name, now)
            continue
        proofs.tried(name)
        if fails:
            proofs.failed(name, now)
            failures.append(now)
        else:
            proofs.succeeded(name)

    for first, last in zip(failures, failures[FAILURES:], strict=False):
        assert last - first >= EVERY
    for before, after in zip(failures[FAILURES - 1 :], failures[FAILURES:], strict=False):
        assert after - before >= EVERY or after - failures[0] >= SPAN
