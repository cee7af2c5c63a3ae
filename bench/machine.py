"""What a process tree took of the machine, and what everybody else took meanwhile."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
    return found


def cpu(pid: int) -> float:
    """Seconds of CPU the tree under `pid` has used, and what has ended below it."""
    used = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            used += sum(map(int, fields[11:15]))
    return used / _TICKS


def resident(pid: int) -> float:
    """Mebibytes of memory the tree under `pid` holds."""
    pages = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def busy() -> float:
    """Seconds of CPU that all processes of this machine used, and that its host took from it."""
    fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / _TICKS


def own() -> float:
    """Seconds of CPU this process and its ended children have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
