"""The report of the runs: each aim beside what was measured, then every contender."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import stages
from bench.aims import OURS, Aim, aims, best_rival, name_of_before, ratio
from bench.contest import QUIET
from bench.stages import Stage
from bench.traffic import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.contest import Measured
    from bench.figures import Figure


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
    """Return the contenders by workload, the fastest first.

    Where a contender has quiet runs, only those count.
    """
    by_side: defaultdict[tuple[str, str, str], list[Measured]] = defaultdict(list)
    for run in runs:
        by_side[run.work, run.side, run.kind].append(run)
    ranking: defaultdict[str, list[Standing]] = defaultdict(list)
    for (work, side, kind), all_ in by_side.items():
        quiet = [run for run in all_ if not run.is_disturbed]
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


def write(runs: Sequence[Measured], figures: Sequence[Figure], folder: Path) -> None:
    """Write `ratios.md`, `ratios.png` and `aims.png` in `folder`, and print the first."""
    folder.mkdir(parents=True, exist_ok=True)
    ranking = standings(runs)
    reached = list(aims(runs, figures))
    parts = (head(runs), _aims(reached), _ratios(runs, ranking), _figures(figures))
    text = "\n".join(line for part in (*parts, _details(ranking)) for line in part)
    (folder / "ratios.md").write_text(text)
    _plot(ranking, folder / "ratios.png")
    _plot_aims(reached, folder / "aims.png")
    print(text)


def head(runs: Sequence[Measured]) -> list[str]:
    """Return what was measured where, and how undisturbed."""
    repeated = sum(run.repeats > 0 for run in runs)
    disturbed = sum(run.is_disturbed for run in runs)
    return [
        "# Measured",
        "",
        (
            "Written by `make bench`. The contender on one core; wrk, the API's stand-in (nginx)"
            f" and the runner on another. Commit {_commit()}, {_processor()},"
            f" {os.cpu_count()} cores, Python {platform.python_version()}."
        ),
        "",
        f"{repeated} of {len(runs)} runs were repeated because other programs used {QUIET} of a"
        f" core or more; {disturbed} stayed disturbed."
        + (" **Too noisy to conclude.**" if disturbed * 2 > len(runs) else ""),
        "",
    ]


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        cwd=Path(__file__).parent,
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()
    return f"{described or 'unknown'}, {time.strftime('%d %B %Y')}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def _aims(reached: Sequence[Aim]) -> list[str]:
    lines = [
        f"| {each.what} | {_value(each)} | {each.bound}"
        f" | {'reached' if each.reached >= 1 else '**missed**'}"
        f"{', ' + each.remark if each.remark else ''} |"
        for each in reached
    ]
    return [
        "## Aims",
        "",
        "Ratios are taken round by round: the median (least-most). [Plot](aims.png).",
        "",
        "| | measured | aim | |",
        "|---|--:|--:|---|",
        *lines,
        "",
    ]


def _value(each: Aim) -> str:
    return f"{each.measured.middle:.3g} {each.unit}" if each.unit else str(each.measured)


def _ratios(runs: Sequence[Measured], ranking: dict[str, list[Standing]]) -> list[str]:
    """Return ours beside the fastest rival, the bare server, the checkout before and ourselves."""
    lines = [
        "## Ratios",
        "",
        (
            "Requests a second of a side of ours for each of another's: the median (least-most)."
            " [All of them](ratios.png)."
        ),
        "",
        "| | side | to | | CPU a request, each |",
        "|---|---|---|--:|--:|",
    ]
    for work in (work.name for work in WORKLOADS if work.name in ranking):
        by_name = {each.side: each for each in ranking[work]}
        pairs = [
            (OURS, other)
            for other in (best_rival(runs, work), "bare uvicorn", name_of_before(runs))
            if other in by_name
        ] + [(each.side, OURS) for each in ranking[work] if each.kind == "variant"]
        if work == "W6":
            pairs.append(("ours, 2 replicas behind HAProxy", "ours, 1 replica behind HAProxy"))
        lines += [
            f"| {work} | {side} | {other} | {of} | {by_name[side].cpu_ms:.3f} ms,"
            f" {by_name[other].cpu_ms:.3f} ms |"
            for side, other in pairs
            if (of := ratio(runs, work, side, other)) is not None
        ]
    return [*lines, ""]


def _figures(figures: Sequence[Figure]) -> list[str]:
    columns: defaultdict[str, list[Stage]] = defaultdict(list)
    lines = []
    for each in figures:
        if each.work:
            columns[each.work].append(Stage(each.name, each.value))
        else:
            lines.append(f"| {each.name} | {each.value:.3g} {each.unit} |")
    if not lines:
        return []
    return [
        *("## One process", "", "| | |", "|---|--:|", *lines, ""),
        "Each stage alone, in process, with the stages below it answering at once.",
        *("", *stages.lines(columns), ""),
    ]


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
                f"| {each.side}{f' ({each.bad} answers failed)' if each.bad else ''}"
                f" | {each.rps:,.0f} | {each.least:,.0f}-{each.most:,.0f} | {each.cpu_ms:.3f}"
                f" | {each.p99:.1f} | {each.calls:.2f} | {each.memory:.0f}"
                f" | {each.quiet} of {each.rounds} |"
                for each in ranking[work.name]
            ),
            "",
        ]
    return lines


_COLOURS = {
    "ours": "#1a7f5a",
    "variant": "#5fb894",
    "before": "#a8d5c2",
    "bare": "#b0b0b0",
    "rival": "#6b8ec2",
}


def _plot(ranking: dict[str, list[Standing]], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - measuring needs no plots

    mpl.use("agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    works = [work for work in WORKLOADS if work.name in ranking]
    rows = max(1, (len(works) + 1) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(12, 3.2 * rows), squeeze=False)
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


def _plot_aims(reached: Sequence[Aim], path: Path) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415 - measuring needs no plots

    figure, axis = plt.subplots(figsize=(12, 0.8 + 0.32 * len(reached)))
    shown = reached[::-1]
    axis.barh(
        [f"{each.what} ({each.bound})" for each in shown],
        [each.reached for each in shown],
        color=["#1a7f5a" if each.reached >= 1 else "#c2553a" for each in shown],
    )
    axis.axvline(1, color="#404040")
    axis.set_xscale("log")
    axis.set_xlabel("part of the aim that was reached: 1 and more is enough", fontsize=8)
    axis.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
