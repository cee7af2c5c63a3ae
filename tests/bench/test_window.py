"""The trace that the budget is judged by, a window of it; the whole is `python -m bench.window`."""

from bench.office import Kind, Question, callers, day
from bench.window import broken, least_calls, run
from gateway.sandbox.api import Behaviour


def test_an_office_is_carried_by_one_window() -> None:
    people = callers(100, seed=2)
    outcome = run(people, day(people, seed=2, windows=1))

    assert broken(outcome) == []
    assert outcome.per_thousand <= 48


def test_a_small_office_that_looks_ten_times_as_often_spends_only_what_is_left_over() -> None:
    people = callers(20, seed=3, large=0)
    once = run(people, day(people, seed=3, windows=1))
    tenfold = run(people, day(people, seed=3, windows=1, reads=10))

    assert broken(once) == broken(tenfold) == []
    assert tenfold.calls <= 500 * 0.8  # what is young is bought only with what is left over


def test_however_the_api_lists_and_filters_the_promises_hold() -> None:
    people = callers(30, seed=4, large=1)
    behaviour = Behaviour(filter_both=True, order="created_asc")

    assert broken(run(people, day(people, seed=4, windows=1), behaviour)) == []


def test_where_rows_are_trimmed_only_details_run_out() -> None:
    """Each detail is a call then, and 500 are not enough: what is refused is refused honestly."""
    people = callers(30, seed=4, large=1)
    trimmed = run(people, day(people, seed=4, windows=1), Behaviour(list_rows="trimmed"))

    assert set(broken(trimmed)) <= {"99.5 % of the reads were answered"}


def test_webhooks_save_two_thirds_of_the_calls_of_an_office_and_more_reads_cost_no_more() -> None:
    people = callers(8, seed=3, large=0)
    without = run(people, day(people, seed=3, windows=2))
    once = run(people, day(people, seed=3, windows=2), webhooks=900)
    threefold = run(people, day(people, seed=3, windows=2, reads=3), webhooks=900)

    assert broken(once) == broken(threefold) == []
    assert 3 * once.calls <= without.calls
    assert threefold.calls <= 1.05 * once.calls


def test_the_least_calls_are_the_writes_and_the_lists_that_are_too_old() -> None:
    [who] = callers(1, seed=1, large=0)
    kinds: list[tuple[float, Kind]] = [
        (0, "update"),  # of no client yet: a list, and with it a call
        (1, "update"),
        (90, "list"),
        (101, "client"),
        (102, "next"),
        (103, "create"),
    ]
    questions = [Question(at, who, kind, "", 0) for at, kind in kinds]

    assert least_calls(questions, oldest=100) == 4
    assert least_calls(questions, oldest=1_000) == 3
