"""The gate, on times made up."""

from gateway.ratelimit.slow_start import TRIAL_WAIT, SlowStart
from gateway.transport.rate_limit_status import LONGEST


def test_a_gate_never_shut_lets_every_call_through() -> None:
    gate = SlowStart()

    assert [(gate.wait(0), gate.enter()) for _ in range(3)] == [(0.0, 0)] * 3


def test_a_refusal_keeps_everybody_away_for_as_long_as_it_states() -> None:
    gate = SlowStart()
    gate.refused(100, 30)

    assert [gate.wait(at) for at in (100, 129, 130)] == [30.0, 1.0, 0.0]


def test_a_later_refusal_never_shortens_an_earlier_one() -> None:
    gate = SlowStart()
    gate.refused(100, 30)
    gate.refused(101, 5)

    assert gate.wait(101) == 29.0


def test_the_wait_after_refusals_that_state_none_is_bounded_however_many_there_are() -> None:
    gate, now = SlowStart(), 0.0
    for _ in range(1_100):
        gate.refused(now, None)
        now += gate.wait(now)

    gate.refused(now, None)

    assert gate.wait(now) == LONGEST


def through(gate: SlowStart, now: float) -> list[int]:
    """The trials of all that may pass now, together."""
    trials: list[int] = []
    while not gate.wait(now) and len(trials) < 100:
        trials.append(gate.enter())
    return trials


def test_after_the_wait_one_request_tries_then_twice_as_many_each_time_all_were_answered() -> None:
    gate = SlowStart()
    gate.refused(0, 10)

    volleys = []
    for _ in range(6):
        volley = through(gate, 10)
        volleys.append(len(volley))
        for trial in volley:
            gate.passed(trial)
    assert volleys == [1, 2, 4, 8, 16, 100]


def test_others_wait_for_the_end_of_those_that_try() -> None:
    gate = SlowStart()
    gate.refused(0, 10)
    one = gate.enter()

    assert gate.wait(10) == TRIAL_WAIT
    gate.passed(one)
    two, _ = through(gate, 10)
    assert gate.wait(10) == TRIAL_WAIT
    gate.passed(two)
    assert gate.wait(10) == 0.0


def test_when_the_one_that_tries_is_refused_the_wait_begins_again() -> None:
    gate = SlowStart()
    gate.refused(0, 10)
    gate.enter()
    gate.refused(11, 20)

    assert gate.wait(11) == 20.0
    assert len(through(gate, 31)) == 1


def test_an_answer_to_an_earlier_trial_opens_nothing() -> None:
    gate = SlowStart()
    gate.refused(0, 10)
    gate.passed(gate.enter())
    slow, refused = through(gate, 10)
    assert slow == refused
    gate.refused(11, 20)
    gate.passed(slow)

    assert len(through(gate, 31)) == 1


def test_when_the_one_that_tries_gets_no_answer_another_one_tries() -> None:
    gate = SlowStart()
    gate.refused(0, 10)
    gate.unknown(gate.enter())

    assert len(through(gate, 12)) == 1


def test_refusals_that_state_nothing_double_the_wait_up_to_a_window() -> None:
    gate = SlowStart()
    now, waits = 0.0, []
    for _ in range(6):
        gate.refused(now, None)
        waits.append(gate.wait(now))
        now += waits[-1]
        gate.enter()

    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]


def test_a_volley_of_refusals_that_state_nothing_counts_once() -> None:
    gate = SlowStart()
    for _ in range(16):
        gate.refused(0, None)

    assert gate.wait(0) == 60.0
