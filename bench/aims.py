"""What was aimed at, and what was measured."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.contest import Measured
    from bench.figures import Figure

OURS = "ours, uvicorn"
OF_RIVALS = {"R": 3.0, "W1": 1.3, "W2": 1.0, "W3": 1.0, "W3c": 1.0, "W4": 1.0, "W5": 1.0, "L1": 1.0}
"""Requests a second for each of the fastest rival's."""
P99_OF_RIVALS = {"R16": 1.0, "L3": 1.0}
"""The p99 for each of the least of a rival."""
OF_BEFORE = 0.95
OF_OURS = {
    ("W2", "ours, for an Origin"): 0.9,
    ("W3c", "ours, for an Origin"): 0.9,
    ("W2", "ours, with Valkey"): 0.9,
    ("W3c", "ours, with Valkey"): 0.9,
    ("W6", "ours, 2 workers"): 1.8,
    ("W6", "ours, 2 replicas behind HAProxy"): 1.8,
}
"""Requests a second for each of the one plain process."""
OF_FIGURES = {
    "memory of a caller of 60 rows": 60.0,
    "memory of a caller of 1,000 rows": 1_000.0,
    "W1's document, never seen": 1.0,
    "W4's document, 50 aliases, never seen": 10.0,
    "CPU of a start-up, to the first response": 0.5,
}


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of each round: the median, the least and the most."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.least:.2f}-{self.most:.2f})"


@dataclass(frozen=True, slots=True)
class Aim:
    """One aim beside what was measured."""

    what: str
    measured: Spread
    aim: float
    most: bool = False
    """Whether the aim is the most that it may be, and not the least."""
    unit: str = ""
    remark: str = ""

    @property
    def bound(self) -> str:
        """The aim in words."""
        return f"at {'most' if self.most else 'least'} {self.aim:g} {self.unit}".strip()

    @property
    def reached(self) -> float:
        """How much of the aim was reached: 1 and more is enough."""
        return self.aim / self.measured.middle if self.most else self.measured.middle / self.aim


def ratio(
    runs: Sequence[Measured], work: str, side: str, other: str, figure: str = "rps"
) -> Spread | None:
    """Divide a figure of `side` by that of `other`, round by round: a slow round slows both.

    None where they never met.
    """
    by_round: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for run in runs:
        if run.work == work:
            by_round[run.round][run.side] = getattr(run, figure)
    ratios = [
        each[side] / each[other] for each in by_round.values() if side in each and each.get(other)
    ]
    return Spread(median(ratios), min(ratios), max(ratios)) if ratios else None


def best_rival(runs: Sequence[Measured], work: str, *, of_p99: bool = False) -> str | None:
    """Return the rival with the highest rate, or the least p99, by the medians of its rounds."""
    by_side: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        if run.work == work and run.kind == "rival":
            by_side[run.side].append(-run.p99 if of_p99 else run.rps)
    return max(by_side, key=lambda side: median(by_side[side]), default=None)


def name_of_before(runs: Sequence[Measured]) -> str | None:
    """Return the name of the other checkout's side, if there was one."""
    return next((run.side for run in runs if run.kind == "before"), None)


def aims(runs: Sequence[Measured], figures: Sequence[Figure]) -> Iterator[Aim]:
    """Yield each aim that something was measured for."""
    yield from _of_rivals(runs)
    yield from _of_ours(runs)
    for figure in figures:
        if figure.name in OF_FIGURES:
            value = Spread(figure.value, figure.value, figure.value)
            aim = OF_FIGURES[figure.name]
            yield Aim(figure.name, value, aim, most=True, unit=figure.unit)


def _of_rivals(runs: Sequence[Measured]) -> Iterator[Aim]:
    for work, aim in OF_RIVALS.items():
        rival = best_rival(runs, work)
        if rival and (of := ratio(runs, work, OURS, rival)):
            yield Aim(f"{work}, requests/s to {rival}'s", of, aim)
    for work, aim in P99_OF_RIVALS.items():
        rival = best_rival(runs, work, of_p99=True)
        if rival and (of := ratio(runs, work, OURS, rival, "p99")):
            yield Aim(f"{work}, p99 to {rival}'s", of, aim, most=True)


def _of_ours(runs: Sequence[Measured]) -> Iterator[Aim]:
    before = name_of_before(runs)
    for work in ("W1", "W2", "W3", "W3c", "W4", "W5"):
        if before and (of := ratio(runs, work, OURS, before)):
            yield Aim(f"{work}, requests/s to those {before}", of, OF_BEFORE)
    for (work, side), aim in OF_OURS.items():
        if of := ratio(runs, work, side, OURS):
            remark = f"{_allowed(runs, side):.2f} is possible here" if work == "W6" else ""
            yield Aim(f"{work} {side}, requests/s to one process", of, aim, remark=remark)


def _allowed(runs: Sequence[Measured], side: str) -> float:
    """Return the ratio at which this machine, which also runs the load, has no core left."""
    w6 = [run for run in runs if run.work == "W6"]
    request = median(run.cpu_ms + run.load_ms for run in w6 if run.side == side) / 1_000
    return (os.cpu_count() or 1) / request / median(run.rps for run in w6 if run.side == OURS)
