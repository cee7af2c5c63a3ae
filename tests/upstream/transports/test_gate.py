"""The gate, on times made up."""

from gateway.upstream.gate import TRYING, Gate


def test_a_gate_nobody_shut_lets_everybody_through() -> None:
    gate = Gate()

    assert [(gate.wait(0), gate.enter()) for _ in range(3)] == [(0.0, False)] * 3


def test_a_refusal_keeps_everybody_away_for_as_long_as_it_states() -> None:
    gate = Gate()
    gate.refused(100, 30)

    assert [gate.wait(at) for at in (100, 129, 130)] == [30.0, 1.0, 0.0]


def test_a_later_refusal_never_shortens_an_earlier_one() -> None:
    gate = Gate()
    gate.refused(100, 30)
    gate.refused(101, 5)

    assert gate.wait(101) == 29.0


def test_after_the_wait_one_request_tries_and_the_others_wait_for_its_end() -> None:
    gate = Gate()
    gate.refused(0, 10)

    assert gate.enter()
    assert gate.wait(10) == TRYING
    gate.passed()
    assert (gate.wait(10), gate.enter()) == (0.0, False)


def test_when_the_one_that_tries_is_refused_the_wait_begins_anew() -> None:
    gate = Gate()
    gate.refused(0, 10)
    gate.enter()
    gate.refused(11, 20)

    assert gate.wait(11) == 20.0


def test_when_the_one_that_tries_gets_no_answer_another_one_tries() -> None:
    gate = Gate()
    gate.refused(0, 10)
    gate.enter()
    gate.unknown()

    assert (gate.wait(12), gate.enter()) == (0.0, True)


def test_refusals_that_state_nothing_double_the_wait_up_to_a_window() -> None:
    gate = Gate()
    now, waits = 0.0, []
    for _ in range(6):
        gate.refused(now, None)
        waits.append(gate.wait(now))
        now += waits[-1]
        gate.enter()

    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]


def test_a_volley_of_refusals_that_state_nothing_counts_once() -> None:
    gate = Gate()
    for _ in range(16):
        gate.refused(0, None)

    assert gate.wait(0) == 60.0
