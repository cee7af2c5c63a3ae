"""One contest: contenders started together, checked, loaded in turn, and checked again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from bench.api import answered
from bench.load import load
from bench.machine import busy, cpu, own, resident, tree
from bench.side import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.rig import Rig
    from bench.side import Side
    from bench.traffic import Workload


LEARNING = (0.0, 1.0, 2.0)
"""Seconds to wait before each attempt: a shared budget that is new grants nothing at first."""
WARM_UP = 1.0
"""Seconds of load that are not counted, before the first run and before each that is warmed."""
QUIET = 0.15
"""Cores that other programs may use before a run counts as disturbed."""
REPEATS = 2
"""How often a disturbed run is repeated at most."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender under one workload for a few seconds. Times in ms, memory in MiB."""

    work: str
    side: str
    kind: str
    round: int
    rps: float
    p50: float
    p99: float
    cpu_ms: float
    """The contender's CPU for one request."""
    load_ms: float
    """The CPU of the load and of the API's stand-in for one request."""
    calls: float
    """Requests the API's stand-in saw for one request."""
    memory: float
    foreign: float
    """Cores used by anything that is no part of the contest, or taken by the machine's host."""
    bad: int
    """Answers that were no 2xx, and connections that broke."""
    repeats: int = 0
    """Disturbed runs in whose place this one was made."""

    @property
    def is_disturbed(self) -> bool:
        """Whether other programs used the machine."""
        return self.foreign >= QUIET


@dataclass(frozen=True, slots=True)
class Contender:
    """A side that is up and gave right answers."""

    side: Side
    pid: int
    port: int


def _post(port: int, target: str, body: bytes) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{target}",
        data=body,
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-API-Key": KEY,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return dict(orjson.loads(answer.read()))
    except urllib.error.HTTPError as error:
        with error:
            return dict(orjson.loads(error.read()))


def check(rig: Rig, contender: Contender, work: Workload) -> str | None:
    """Return what is wrong with a contender's answers; keep our own for the bare servers."""
    side = contender.side
    if side.kind == "bare":
        return None
    bodies = work.bodies(side.dialect)
    for index in work.checked(side.dialect):
        for pause in LEARNING if side.kind == "variant" else (0.0,):
            time.sleep(pause)
            answer = _post(contender.port, side.target, orjson.dumps(bodies[index]))
            wrong = work.wrong(side.dialect, index, answer)
            if wrong is None:
                break
        else:
            return wrong
    if side.kind == "ours":
        (rig.answers / work.name).write_bytes(orjson.dumps(answer))
    return None


@contextlib.contextmanager
def up(
    rig: Rig, sides: Sequence[Side], first_port: int, cores: str = "0"
) -> Iterator[list[Contender]]:
    """All of `sides` on these cores; those that did not start are left out and reported."""
    started: list[tuple[Contender, subprocess.Popen[bytes]]] = []
    try:
        for port, side in enumerate(sides, first_port):
            started.append(_start(rig, side, port, cores))
        yield [contender for contender, process in started if _answers(contender, process)]
    finally:
        for _, process in started:
            _stop(process)


def _start(
    rig: Rig, side: Side, port: int, cores: str
) -> tuple[Contender, subprocess.Popen[bytes]]:
    with socket.socket() as probe:
        if not probe.connect_ex(("127.0.0.1", port)):
            raise RuntimeError(f"port {port} is taken")

    def filled(text: str) -> str:
        return text.replace("{port}", str(port))

    home = rig.root / "home" / side.name  # no state of another version
    home.mkdir(parents=True, exist_ok=True)
    environment = {name: filled(value) for name, value in side.environment.items()}
    with (rig.logs / f"{side.name}.{port}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            ["taskset", "-c", cores, *map(filled, side.command)],  # noqa: S607
            cwd=side.folder,
            env={**os.environ, "HOME": str(home), **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Contender(side, process.pid, port), process


def _answers(contender: Contender, process: subprocess.Popen[bytes], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            _post(contender.port, contender.side.target, b'{"query":"{ __typename }"}')
            return True
        time.sleep(0.2)
    print(f"  {contender.side.name} did not start")
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    members = tree(process.pid)
    for member in reversed(members):
        with contextlib.suppress(OSError):
            os.kill(member, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    for member in members:
        with contextlib.suppress(OSError):
            os.kill(member, signal.SIGKILL)
    process.wait()


def undisturbed(run: Callable[[], Measured]) -> Measured:
    """Measure, and again at once if other programs used the machine, `REPEATS` times at most."""
    measured = run()
    while measured.is_disturbed and measured.repeats < REPEATS:
        measured = replace(run(), repeats=measured.repeats + 1)
    return measured


def measure(  # noqa: PLR0913, PLR0917 - who, what, how long
    rig: Rig,
    contender: Contender,
    work: Workload,
    seconds: float,
    number: int,
    helpers: Sequence[int],
    there: Sequence[int],
) -> Measured:
    """Load one contender of all `there`; how much it, the load and other programs took."""
    if work.warmed:
        load(rig, contender.side, contender.port, work, WARM_UP)
    settle(there)
    idle = [pid for pid in there if pid != contender.pid]

    def taken() -> tuple[float, ...]:
        ours = sum(map(cpu, helpers)) + own()
        return time.monotonic(), cpu(contender.pid), ours, busy() - sum(map(cpu, idle))

    calls = answered(rig)
    before = taken()
    measured = load(rig, contender.side, contender.port, work, seconds)
    elapsed, used, ours, all_ = (now - then for now, then in zip(taken(), before, strict=True))
    requests = max(1, measured["requests"])
    return Measured(
        work=work.name,
        side=contender.side.name,
        kind=contender.side.kind,
        round=number,
        rps=measured["requests"] / measured["seconds"],
        p50=measured["p50"],
        p99=measured["p99"],
        cpu_ms=1000 * used / requests,
        load_ms=1000 * ours / requests,
        calls=(answered(rig) - calls - 1) / requests,
        memory=resident(contender.pid),
        foreign=max(0.0, all_ - used - ours) / elapsed,
        bad=measured["bad"],
    )


def settle(pids: Sequence[int], seconds: float = 20) -> None:
    """Wait until contenders have finished what abandoned connections left them to do."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = sum(map(cpu, pids))
        time.sleep(0.25)
        if sum(map(cpu, pids)) - before <= 0.03:
            return
