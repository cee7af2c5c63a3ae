"""The load: wrk on the second core, and what it found."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from bench.rig import HERE
from bench.side import KEY
from bench.traffic import Traffic
from bench.work import WORKS

if TYPE_CHECKING:
    from bench.rig import Rig
    from bench.side import Side
    from bench.traffic import Workload


def load(rig: Rig, side: Side, port: int, work: Workload, seconds: float) -> dict[str, Any]:
    """Load from the second core; the figures are wrk's own."""
    if not work.beside:
        return _result(_wrk(rig, side, port, work, seconds))
    large = next(each for each in WORKS if each.name == work.beside)
    beside = _wrk(rig, side, port, replace(large, connections=work.connections), seconds + 1)
    time.sleep(0.5)  # a second program that is under way before and after
    try:
        return _result(_wrk(rig, side, port, work, seconds))
    finally:
        _result(beside)


def _wrk(
    rig: Rig, side: Side, port: int, work: Workload, seconds: float
) -> subprocess.Popen[bytes]:
    bodies = rig.root / f"{work.name}.{side.dialect}"
    if not bodies.exists():
        bodies.write_bytes(work.lines(side.dialect))
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "X-API-Key": KEY,
        **side.headers,
    }
    environment = {
        "BODIES": str(bodies),
        "TARGET": side.target,
        "HEADERS": "\n".join(map(": ".join, headers.items())),
        "CLOSES": str(int(isinstance(work, Traffic))),
    }
    return subprocess.Popen(  # noqa: S603
        [
            *("taskset", "-c", work.load_cores, str(rig.wrk), "-t1", f"-c{work.connections}"),
            *(f"-d{seconds:.0f}s", "--timeout", "60s", "-s", str(HERE / "load.lua")),
            f"http://127.0.0.1:{port}",
        ],
        env={**rig.environment, **environment},
        stdout=subprocess.PIPE,
    )


def _result(wrk: subprocess.Popen[bytes]) -> dict[str, Any]:
    with wrk:
        try:
            output, _ = wrk.communicate(timeout=120)
        finally:
            wrk.kill()
    return dict(orjson.loads(output.partition(b"JSON")[2]))
