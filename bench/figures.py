"""Figures that are no contest: memory of a caller, CPU of a start and of a document never seen."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from bench import callers, stages
from bench.contest import up
from bench.machine import cpu
from bench.ours import before, ours
from bench.work import WORKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.rig import Rig
    from bench.side import Side

P = ParamSpec("P")
T = TypeVar("T")
FIGURES = "figures"
"""What `--works` calls them."""
STARTS = 5
PORT = 8090


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    name: str
    value: float
    unit: str
    work: str = ""
    """The workload that it is a stage of."""


def figures(rig: Rig, against: Path | None) -> Iterator[Figure]:
    """Measure, each in a process of its own. nginx must be up."""
    for many, rows in ((1_000, 60), (60, 1_000)):
        taken, counted = _alone(callers.taken, many, rows)
        yield Figure(f"memory of a caller of {rows:,} rows", taken / 1_000, "KB")
        yield Figure(f"the same, as the cache counts it ({rows:,} rows)", counted / 1_000, "KB")
    for name, what in (("W1", "W1's document"), ("W4", "W4's document, 50 aliases")):
        work = next(each for each in WORKS if each.name == name)
        query = work.bodies("connection")[0]["query"]
        yield Figure(f"{what}, never seen", _alone(stages.fresh_document, query) / 1_000, "ms")
    for name, column in _alone(stages.table, rig).items():
        for stage in column:
            yield Figure(stage.name, stage.microseconds, "us", name)
    starts = {"start-up": ours(rig, cached=True)}
    if against:
        starts["start-up before"] = before(rig, against)[-1]
    rounds = [[_start(rig, side) for side in starts.values()] for _ in range(STARTS)]
    for name, seconds in zip(starts, zip(*rounds, strict=True), strict=True):
        yield Figure(f"CPU of a {name}, to the first response", median(seconds), "s")


def _alone(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call in a process of its own, whose memory nothing else has grown."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **options).result()


def _start(rig: Rig, side: Side) -> float:
    with up(rig, [side], PORT) as there:
        return cpu(there[0].pid)
