"""What the measurements are made into."""

from dataclasses import replace

import pytest

from bench.aims import Spread, aims, ratio
from bench.contest import REPEATS, Measured, undisturbed
from bench.figures import Figure
from bench.report import head, standings

RUN = Measured(
    work="W1",
    side="ours, uvicorn",
    kind="ours",
    round=0,
    rps=100.0,
    p50=1.0,
    p99=2.0,
    cpu_ms=0.5,
    load_ms=0.5,
    calls=1.0,
    memory=50.0,
    foreign=0.0,
    bad=0,
)


def test_a_ratio_is_taken_round_by_round() -> None:
    runs = [
        replace(RUN, round=number, side=side, rps=rps)
        for number, ours, theirs in [(0, 300, 100), (1, 100, 50), (2, 50, 50)]
        for side, rps in [("ours", float(ours)), ("theirs", float(theirs))]
    ]

    assert ratio(runs, "W1", "ours", "theirs") == Spread(2.0, 1.0, 3.0)
    assert ratio(runs, "W2", "ours", "theirs") is None


def test_disturbed_runs_do_not_count_where_there_are_quiet_ones() -> None:
    runs = [replace(RUN, rps=90.0), replace(RUN, round=1, rps=10.0, foreign=0.9)]

    [standing] = standings(runs)["W1"]

    assert (standing.rps, standing.quiet, standing.rounds) == (90.0, 1, 2)


def test_where_every_run_was_disturbed_all_count_and_none_is_called_quiet() -> None:
    runs = [replace(RUN, rps=rps, foreign=0.9) for rps in (10.0, 20.0, 60.0)]

    [standing] = standings(runs)["W1"]

    assert (standing.rps, standing.least, standing.most, standing.quiet) == (20.0, 10.0, 60.0, 0)


@pytest.mark.parametrize(
    ("foreign", "kept"),
    [
        ([0.0], 0),
        ([0.9, 0.1], 1),
        ([0.9, 0.8, 0.1], 2),
        ([0.9, 0.8, 0.7], 2),
    ],
)
def test_a_disturbed_run_is_repeated_at_most_twice(foreign: list[float], kept: int) -> None:
    runs = iter([replace(RUN, foreign=each) for each in foreign])

    measured = undisturbed(lambda: next(runs))

    assert measured == replace(RUN, foreign=foreign[kept], repeats=kept)
    assert measured.repeats <= REPEATS
    assert not list(runs)


def test_the_report_counts_repeated_runs_and_those_that_stayed_disturbed() -> None:
    repeated = [replace(RUN, repeats=1), replace(RUN, repeats=2, foreign=0.9)]

    assert (
        "2 of 4 runs were repeated because other programs used 0.15 of a core or more;"
        " 1 stayed disturbed."
    ) in head([RUN, RUN, *repeated])


def test_the_fastest_stands_first() -> None:
    runs = [replace(RUN, side=side, rps=rps) for side, rps in [("slow", 1.0), ("fast", 2.0)]]

    assert [standing.side for standing in standings(runs)["W1"]] == ["fast", "slow"]


def test_each_aim_stands_beside_what_was_measured() -> None:
    runs = [
        replace(RUN, work=work, side=side, kind=kind, rps=rps, p99=p99)
        for work, side, kind, rps, p99 in [
            ("W1", "ours, uvicorn", "ours", 100.0, 4.0),
            ("W1", "slow", "rival", 50.0, 1.0),
            ("W1", "fast", "rival", 80.0, 8.0),
            ("W1", "before (abc)", "before", 125.0, 2.0),
            ("R16", "ours, uvicorn", "ours", 100.0, 4.0),
            ("R16", "fast", "rival", 80.0, 8.0),
        ]
    ]

    reached = aims(runs, [Figure("memory of a caller of 60 rows", 120.0, "KB")])

    assert [(each.what, each.reached) for each in reached] == [
        ("W1, requests/s to fast's", 1.25 / 1.3),
        ("R16, p99 to fast's", 2.0),
        ("W1, requests/s to those before (abc)", 0.8 / 0.95),
        ("memory of a caller of 60 rows", 0.5),
    ]
