"""`python -m bench`: our side and every rival installed here, interleaved, round by round."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from bench import api, report, valkey
from bench.contest import WARM_UP, Contender, Measured, check, measure, undisturbed, up
from bench.figures import FIGURES, Figure, figures
from bench.load import load
from bench.rig import HERE, Rig
from bench.side import Side
from bench.sides import sides
from bench.traffic import WORKLOADS, Traffic, Workload

QUICK_SIDES = "ours,Mercurius,Tailcall"
BESIDE_A_RUN, BESIDE_A_SIDE, BESIDE_A_WORKLOAD, BESIDE_ALL = 0.6, 2.5, 6.0, 110.0
"""Seconds that a run, a contender, a workload and the figures take beside the load: estimated."""


def main() -> None:
    """Measure, then write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the fastest rivals, one short round")
    parser.add_argument("--seconds", type=int, default=3, help="length of one run")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each contender")
    parser.add_argument("--works", default="", help="only these, e.g. figures,W1,W3c")
    parser.add_argument("--sides", default="", help="only names that contain one of these")
    parser.add_argument(
        "--against", type=Path, help="another checkout, installed in its .venv, as a contender"
    )
    parser.add_argument("--connections", type=int, help="in place of each workload's own")
    parser.add_argument("--only-check", action="store_true", help="compare answers, load nothing")
    parser.add_argument("--keep", action="store_true", help="add to the runs already kept")
    parser.add_argument("--report", action="store_true", help="only write about the runs kept")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "performance")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seconds, chosen.rounds = 1, 1
        chosen.sides = chosen.sides or QUICK_SIDES

    end_on_sigterm()
    rig = Rig()
    kept = Kept(rig.root / "runs.jsonl", rig.root / "figures.jsonl")
    if not chosen.report:
        rig.ready()
        if not chosen.keep:
            kept.clear()
        run(rig, chosen, kept)
    if not chosen.only_check:
        report.write(kept.runs(), kept.figures(), chosen.out)


def end_on_sigterm() -> None:
    """Let SIGTERM raise `SystemExit`, so that all that was started is ended, too."""

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)


@dataclass(frozen=True, slots=True)
class Kept:
    """The files of what was measured, one a line."""

    measured: Path
    single: Path

    def clear(self) -> None:
        """Forget what was measured before."""
        self.measured.unlink(missing_ok=True)
        self.single.unlink(missing_ok=True)

    def runs(self) -> list[Measured]:
        """Return the runs."""
        return [Measured(**each) for each in _lines(self.measured)]

    def figures(self) -> list[Figure]:
        """Return the figures that are no contest."""
        return [Figure(**each) for each in _lines(self.single)]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _keep(path: Path, each: Measured | Figure) -> None:
    with path.open("ab") as kept:
        kept.write(orjson.dumps(each) + b"\n")


def run(rig: Rig, chosen: argparse.Namespace, kept: Kept) -> None:
    """Measure what was chosen."""
    os.sched_setaffinity(0, {1})
    names = chosen.works.split(",") if chosen.works else [FIGURES, *(w.name for w in WORKLOADS)]
    works = [work for work in WORKLOADS if work.name in names]
    if chosen.connections:
        works = [replace(work, connections=chosen.connections) for work in works]
    wanted = [name for name in chosen.sides.split(",") if name]
    contests = [(work, entered(rig, work, wanted, chosen.against)) for work in works]
    estimate = sum(_estimate(work, sides, chosen) for work, sides in contests)
    clock = Clock(BESIDE_ALL * (FIGURES in names) + estimate)
    clock.say(f"{len(contests)} workloads, {sum(len(sides) for _, sides in contests)} entries")
    first_round = 1 + max((each.round for each in kept.runs()), default=-1)
    with api.running(rig) as nginx, valkey.running(rig) as server:
        if FIGURES in names and not chosen.only_check:
            for figure in figures(rig, chosen.against):
                _keep(kept.single, figure)
                clock.say(f"{figure.work} {figure.name}: {figure.value:.3g} {figure.unit}".strip())
        for number, (work, sides) in enumerate(contests):
            helpers = [nginx.pid, *([server.pid] if server else [])]
            contest = _Contest(rig, work, helpers, kept, 8100 + 50 * number, clock)
            contest.run(sides, chosen, first_round)


def _estimate(work: Workload, sides: list[Side], chosen: argparse.Namespace) -> float:
    """Return the seconds that a workload takes where two rivals take part in all rounds."""
    rivals = sum(side.kind == "rival" for side in sides)
    resting = 0 if work.complete else max(0, rivals - 2)
    runs = len(sides) * chosen.rounds - resting * (chosen.rounds - 1)
    beside = BESIDE_A_WORKLOAD + len(sides) * BESIDE_A_SIDE
    warming = WARM_UP * work.warmed
    return float(beside + runs * (warming + chosen.seconds + BESIDE_A_RUN))


def entered(rig: Rig, work: Workload, wanted: list[str], against: Path | None) -> list[Side]:
    """Return who takes part in a workload."""
    there = sides(rig.own if isinstance(work, Traffic) else rig, against)
    return [
        work.for_side(side) if isinstance(work, Traffic) else side
        for side in there
        if side.takes_part(work)
        and (not wanted or any(name in side.name for name in [*wanted, "before"]))
    ]


class Clock:
    """Print lines with the time that has passed."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._estimate = seconds

    def add(self, seconds: float) -> None:
        """Take more time than was estimated."""
        self._estimate += seconds

    def say(self, text: str) -> None:
        """Print a line."""
        passed = time.monotonic() - self._began
        print(
            f"[{passed // 60:2.0f}:{passed % 60:02.0f} of about {self._estimate / 60:.0f} min]"
            f" {text}",
            flush=True,
        )


@dataclass(frozen=True, slots=True)
class _Contest:
    """One workload, and all who take part."""

    rig: Rig
    work: Workload
    helpers: list[int]
    kept: Kept
    first_port: int
    clock: Clock

    def run(self, entered: list[Side], chosen: argparse.Namespace, first_round: int) -> None:
        """Start, check, warm up, measure in turned order, check again."""
        self.clock.say(f"{self.work.name}: {self.work.what}")
        for stale in self.rig.root.glob(f"{self.work.name}.*"):
            stale.unlink()
        gateways = [side for side in entered if side.kind != "bare"]
        bare = [side for side in entered if side.kind == "bare"]
        with contextlib.ExitStack() as stack:
            cores = self.work.cores
            there = stack.enter_context(up(self.rig, gateways, self.first_port, cores))
            there = self._right(there, "before")
            if chosen.only_check:
                return
            # Only now is there an answer for the bare servers to repeat.
            there += stack.enter_context(up(self.rig, bare, self.first_port + len(gateways)))
            for each in there:
                load(self.rig, each.side, each.port, self.work, WARM_UP)
            pids = [each.pid for each in there]
            for number in range(chosen.rounds):
                turn = number % max(1, len(there))
                measured = [
                    self._measure(each, first_round + number, chosen.seconds, pids)
                    for each in there[turn:] + there[:turn]
                ]
                there = [each for each in there if not self._rests(each, measured)]
            self._right(there, "after")

    def _rests(self, contender: Contender, measured: list[Measured]) -> bool:
        """Return whether a rival is less than half as fast as the fastest: that is known now."""
        rates = {each.side: each.rps for each in measured if each.kind == "rival"}
        return (
            not self.work.complete
            and contender.side.name in rates
            and rates[contender.side.name] < max(rates.values()) / 2
        )

    def _right(self, contenders: list[Contender], when: str) -> list[Contender]:
        right = []
        for contender in contenders:
            wrong = check(self.rig, contender, self.work)
            if wrong is None:
                right.append(contender)
            else:
                print(f"  {contender.side.name}, {when} the load: {wrong}")
        return right

    def _measure(
        self, contender: Contender, number: int, seconds: int, there: list[int]
    ) -> Measured:
        run = undisturbed(
            lambda: measure(self.rig, contender, self.work, seconds, number, self.helpers, there)
        )
        self.clock.add(run.repeats * (seconds + BESIDE_A_RUN))
        _keep(self.kept.measured, run)
        self.clock.say(
            f"{run.work} {run.round} {run.side:<28} {run.rps:>9,.0f} rps  {run.cpu_ms:.3f} ms CPU"
            f"  p99 {run.p99:.1f} ms  {run.calls:.2f} calls  {run.memory:.0f} MiB"
            f"  foreign {run.foreign:.2f}, {run.repeats} repeats"
            + (f"  BAD {run.bad}" if run.bad else "")
        )
        return run


if __name__ == "__main__":
    main()
