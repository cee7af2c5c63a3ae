"""The trace that the budget is judged by, a window of it; the whole is `python -m bench.window`."""

from bench.office import callers, day
from bench.window import broken, run
from gateway.sandbox.api import Behaviour


def test_an_office_is_carried_by_one_window() -> None:
    people = callers(100, seed=2)
    outcome = run(people, day(people, seed=2, windows=1))

    assert broken(outcome) == []
    assert outcome.per_thousand <= 48


def test_a_small_office_costs_no_more_for_looking_ten_times_as_often() -> None:
    people = callers(20, seed=3, large=0)
    once = run(people, day(people, seed=3, windows=1))
    tenfold = run(people, day(people, seed=3, windows=1, reads=10))

    assert broken(once) == broken(tenfold) == []
    assert tenfold.calls <= 500 * 0.8  # what is young is bought only with what is left over


def test_what_the_api_leaves_open_changes_no_promise() -> None:
    people = callers(30, seed=4, large=1)
    questions = day(people, seed=4, windows=1)
    for behaviour in (
        Behaviour(filter_both=True, order="created_asc"),
        Behaviour(list_rows="trimmed"),
    ):
        assert broken(run(people, questions, behaviour)) == []
