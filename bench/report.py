"""The report of the runs: ratios to the fastest rival and to the bare server, with their spread."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.traffic import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bench.contest import Measured

QUIET = 0.15
"""Cores that strangers may use before a run counts as disturbed."""
ROUNDS = 3
"""Quiet runs of a contender that a conclusion needs."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One contender in one workload: medians over its rounds, and the spread."""

    side: str
    kind: str
    rps: float
    least: float
    most: float
    cpu_ms: float
    p99: float
    calls: float
    memory: float
    quiet: int
    rounds: int
    bad: int


def standings(runs: Iterable[Measured]) -> dict[str, list[Standing]]:
    """By workload, the fastest first. Where a contender has quiet runs, only those count."""
    by_side: defaultdict[tuple[str, str, str], list[Measured]] = defaultdict(list)
    for run in runs:
        by_side[run.work, run.side, run.kind].append(run)
    ranking: defaultdict[str, list[Standing]] = defaultdict(list)
    for (work, side, kind), all_ in by_side.items():
        quiet = [run for run in all_ if run.foreign < QUIET]
        counted = quiet or all_
        ranking[work].append(
            Standing(
                side,
                kind,
                rps=median(run.rps for run in counted),
                least=min(run.rps for run in counted),
                most=max(run.rps for run in counted),
                cpu_ms=median(run.cpu_ms for run in counted),
                p99=median(run.p99 for run in counted),
                calls=median(run.calls for run in counted),
                memory=max(run.memory for run in counted),
                quiet=len(quiet),
                rounds=len(all_),
                bad=sum(run.bad for run in all_),
            )
        )
    for each in ranking.values():
        each.sort(key=lambda standing: -standing.rps)
    return ranking


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours to another's, round by round, so that what slows a whole round slows both."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.least:.2f}-{self.most:.2f})"


def ratio(runs: Sequence[Measured], work: str, ours: str, other: str) -> Ratio | None:
    """Divide requests a second of `ours` for each of `other`; None where they never met."""
    by_round: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for run in runs:
        if run.work == work:
            by_round[run.round][run.side] = run.rps
    ratios = [each[ours] / each[other] for each in by_round.values() if {ours, other} <= set(each)]
    return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None


def write(runs: Sequence[Measured], folder: Path) -> None:
    """`ratios.md` and `ratios.png` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    ranking = standings(runs)
    parts = (_head(runs), _summary(runs, ranking), _shared(runs, ranking), _details(ranking))
    text = "\n".join(line for part in parts for line in part)
    (folder / "ratios.md").write_text(text + "\n")
    _plot(ranking, folder / "ratios.png")
    print(text)


def _head(runs: Sequence[Measured]) -> list[str]:
    disturbed = sum(run.foreign >= QUIET for run in runs)
    return [
        "# Ratios",
        "",
        (
            "Written by `make bench`. The contender on one core; wrk, the API's stand-in (nginx)"
            f" and the runner on another. {platform.machine()}, Python {platform.python_version()}."
        ),
        "",
        f"{disturbed} of {len(runs)} runs were disturbed: strangers used {QUIET} of a core or more."
        + (" **The machine was too noisy to conclude.**" if disturbed * 2 > len(runs) else ""),
        "",
    ]


def _summary(runs: Sequence[Measured], ranking: dict[str, list[Standing]]) -> list[str]:
    lines = [
        "Requests a second of ours for each of the other's: the median over rounds (least-most).",
        "",
        "| work | ours | to the fastest rival | | to the same bare server | CPU a request |",
        "|---|---|--:|---|--:|--:|",
    ]
    for work in WORKLOADS:
        standing = ranking.get(work.name, [])
        rivals = [each.side for each in standing if each.kind == "rival"]
        for ours in (each for each in standing if each.kind == "ours"):
            server = ours.side.rpartition(" ")[2]
            rival = ratio(runs, work.name, ours.side, rivals[0]) if rivals else None
            bare = ratio(runs, work.name, ours.side, f"bare {server}")
            enough = all(
                each.quiet >= ROUNDS for each in standing if each.side in {ours.side, *rivals[:1]}
            )
            lines.append(
                f"| {work.name} | {server} | {rival or ''} | {rivals[0] if rivals else ''}"
                f"{'' if enough else ' (noisy)'} | {bare or ''} | {ours.cpu_ms:.3f} ms |"
            )
    return [*lines, ""]


def _shared(runs: Sequence[Measured], ranking: dict[str, list[Standing]]) -> list[str]:
    """Ours with a shared budget, beside ours without."""
    lines = [
        f"| {work} | {each.side} | {ratio(runs, work, each.side, 'ours, uvicorn') or ''}"
        f" | {each.cpu_ms:.3f} ms | {each.quiet} of {each.rounds} |"
        for work, standing in ranking.items()
        for each in standing
        if each.kind == "shared"
    ]
    title = "With a shared budget, requests a second for each of one process without"
    head = [
        "| work | side | to one process | CPU a request | quiet runs |",
        "|---|---|--:|--:|--:|",
    ]
    return [f"{title} ({os.cpu_count()} cores):", "", *head, *lines, ""] if lines else []


def _details(ranking: dict[str, list[Standing]]) -> list[str]:
    lines: list[str] = []
    for work in WORKLOADS:
        if work.name not in ranking:
            continue
        lines += [
            f"## {work.name}: {work.what}, {work.connections} connections",
            "",
            "| who | requests/s | least-most | CPU ms | p99 ms | calls | MiB | quiet runs |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
            *(
                f"| {each.side}{' (answers failed)' if each.bad else ''} | {each.rps:,.0f}"
                f" | {each.least:,.0f}-{each.most:,.0f} | {each.cpu_ms:.3f} | {each.p99:.0f}"
                f" | {each.calls:.2f} | {each.memory:.0f} | {each.quiet} of {each.rounds} |"
                for each in ranking[work.name]
            ),
            "",
        ]
    return lines


_COLOURS = {
    "ours": "#1a7f5a",
    "shared": "#5fb894",
    "bare": "#b0b0b0",
    "floor": "#d8c37a",
    "rival": "#6b8ec2",
}


def _plot(ranking: dict[str, list[Standing]], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - measuring needs no plots

    mpl.use("agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    works = [work for work in WORKLOADS if work.name in ranking]
    figure, axes = plt.subplots(
        (len(works) + 1) // 2, 2, figsize=(12, 3.2 * ((len(works) + 1) // 2)), squeeze=False
    )
    for axis, work in zip(axes.flat, works, strict=False):
        standing = ranking[work.name][::-1]
        axis.barh(
            [each.side for each in standing],
            [each.rps for each in standing],
            xerr=[
                [each.rps - each.least for each in standing],
                [each.most - each.rps for each in standing],
            ],
            color=[_COLOURS[each.kind] for each in standing],
            ecolor="#404040",
        )
        axis.set_title(f"{work.name}: {work.what}", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.set_xlabel("requests/s", fontsize=8)
    for axis in axes.flat[len(works) :]:
        axis.set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
