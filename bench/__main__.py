"""`python -m bench`: our side and every rival installed here, interleaved, round by round."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import orjson

from bench import api, report, valkey
from bench.contest import Contender, Measured, check, load, measure, up
from bench.rig import HERE, Rig
from bench.sides import Side, sides
from bench.traffic import WORKLOADS, Traffic, Workload

QUICK_SECONDS = 2.0
QUICK_SIDES = "ours,bare,Apollo,Mercurius,Tailcall"


def main() -> None:
    """Measure, then tell."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the fastest rivals, short runs: about eight minutes"
    )
    parser.add_argument("--seconds", type=float, default=5, help="length of one run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contender")
    parser.add_argument("--works", default="", help="only these, e.g. W1,W3c")
    parser.add_argument("--sides", default="", help="only names that contain one of these")
    parser.add_argument("--connections", type=int, help="in place of each workload's own")
    parser.add_argument("--only-check", action="store_true", help="compare answers, load nothing")
    parser.add_argument("--keep", action="store_true", help="add to the runs already kept")
    parser.add_argument("--tell", action="store_true", help="only tell the runs already kept")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "performance")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seconds = min(chosen.seconds, QUICK_SECONDS)
        chosen.works = chosen.works or ",".join(w.name for w in WORKLOADS if not w.spread)
        chosen.sides = chosen.sides or QUICK_SIDES

    end_on_sigterm()
    rig = Rig()
    kept = rig.root / "runs.jsonl"
    if not chosen.tell:
        rig.ready()
        if not chosen.keep:
            kept.unlink(missing_ok=True)
        os.sched_setaffinity(0, {1})
        works = [
            work for work in WORKLOADS if not chosen.works or work.name in chosen.works.split(",")
        ]
        if chosen.connections:
            works = [replace(work, connections=chosen.connections) for work in works]
        wanted = [name for name in chosen.sides.split(",") if name]
        with api.running(rig) as nginx, valkey.running(rig):
            for number, work in enumerate(works):
                contest = _Contest(rig, work, nginx.pid, kept, 8100 + 50 * number)
                contest.run(_entered(rig, work, wanted), chosen)
    if kept.exists() and not chosen.only_check:
        runs = [Measured(**orjson.loads(line)) for line in kept.read_bytes().splitlines()]
        report.write(runs, chosen.out)


def end_on_sigterm() -> None:
    """Let SIGTERM raise `SystemExit`, so that all that was started is ended, too."""

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)


def _entered(rig: Rig, work: Workload, wanted: list[str]) -> list[Side]:
    """Who takes part: a bare server only in the workload whose answers it repeats."""
    if isinstance(work, Traffic):
        return [
            work.for_side(side)
            for side in sides(rig.own)
            if side.cached and side.writes and (not wanted or any(n in side.name for n in wanted))
        ]
    return [
        side
        for side in sides(rig)
        if side.cached == (work.cached or (work.held and side.kind == "ours"))
        and work.name not in side.beyond
        and (not side.only or work.name in side.only)
        and (not work.spread or side.kind in {"ours", "shared"})
        and (side.kind != "bare" or side.target == f"/{work.name}")
        and (not wanted or any(name in side.name for name in wanted))
    ]


class _Contest:
    """One workload, everybody on it."""

    def __init__(self, rig: Rig, work: Workload, nginx: int, kept: Path, first_port: int) -> None:
        self._rig = rig
        self._work = work
        self._nginx = nginx
        self._kept = kept
        self._first_port = first_port

    def run(self, entered: list[Side], chosen: argparse.Namespace) -> None:
        """Start, check, warm up, measure in turned order, check again."""
        print(f"{self._work.name}: {self._work.what}", flush=True)
        gateways = [side for side in entered if side.kind != "bare"]
        bare = [side for side in entered if side.kind == "bare"]
        with contextlib.ExitStack() as stack:
            cores = self._work.cores
            there = stack.enter_context(up(self._rig, gateways, self._first_port, cores))
            there = self._right(there, "before")
            if chosen.only_check:
                return
            # Only now is there an answer for the bare servers to repeat.
            there += stack.enter_context(up(self._rig, bare, self._first_port + len(gateways)))
            for contender in there:
                load(self._rig, contender, self._work, 2)
            for number in range(chosen.rounds):
                turn = number % len(there)
                for contender in there[turn:] + there[:turn]:
                    self._measure(contender, number, chosen.seconds)
            self._right(there, "after")

    def _right(self, contenders: list[Contender], when: str) -> list[Contender]:
        right = []
        for contender in contenders:
            wrong = check(self._rig, contender, self._work)
            if wrong is None:
                right.append(contender)
            else:
                print(f"  {contender.side.name}, {when} the load: {wrong}")
        return right

    def _measure(self, contender: Contender, number: int, seconds: float) -> None:
        run = measure(self._rig, contender, self._work, seconds, number, self._nginx)
        with self._kept.open("ab") as kept:
            kept.write(orjson.dumps(run.json()) + b"\n")
        print(
            f"  {run.round} {run.side:<28} {run.rps:>9,.0f} rps  {run.cpu_ms:.3f} ms CPU"
            f"  p99 {run.p99:.0f} ms  {run.calls:.2f} calls  {run.memory:.0f} MiB"
            f"  foreign {run.foreign:.2f}" + (f"  BAD {run.bad}" if run.bad else ""),
            flush=True,
        )


if __name__ == "__main__":
    main()
