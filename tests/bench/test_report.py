"""What the measurements are made into."""

from dataclasses import replace

from bench.contest import Measured
from bench.report import Ratio, ratio, standings

RUN = Measured(
    work="W1",
    side="ours, uvicorn",
    kind="ours",
    round=0,
    rps=100.0,
    p50=1.0,
    p99=2.0,
    cpu_ms=0.5,
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

    assert ratio(runs, "W1", "ours", "theirs") == Ratio(2.0, 1.0, 3.0)
    assert ratio(runs, "W2", "ours", "theirs") is None


def test_disturbed_runs_do_not_count_where_there_are_quiet_ones() -> None:
    runs = [replace(RUN, rps=90.0), replace(RUN, round=1, rps=10.0, foreign=0.9)]

    [standing] = standings(runs)["W1"]

    assert (standing.rps, standing.quiet, standing.rounds) == (90.0, 1, 2)


def test_where_every_run_was_disturbed_all_count_and_none_is_called_quiet() -> None:
    runs = [replace(RUN, rps=rps, foreign=0.9) for rps in (10.0, 20.0, 60.0)]

    [standing] = standings(runs)["W1"]

    assert (standing.rps, standing.least, standing.most, standing.quiet) == (20.0, 10.0, 60.0, 0)


def test_the_fastest_stands_first() -> None:
    runs = [replace(RUN, side=side, rps=rps) for side, rps in [("slow", 1.0), ("fast", 2.0)]]

    assert [standing.side for standing in standings(runs)["W1"]] == ["fast", "slow"]
