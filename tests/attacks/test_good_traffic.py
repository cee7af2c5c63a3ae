"""A good client beside a thousand hostile connections: what it is answered, and how late.

Attackers and the good client have one core and the gateway the other, where there are two, and the
attack is limited to what one core can send: the gateway is measured, not who gets a core. Rounds
without and with attackers alternate, and the median of their ratios is held to, where the processes
may take precedence over all others of the machine; elsewhere it is reported beside how long the
gateway waited for its core. Answers and memory are held to everywhere.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import orjson
import pytest

from tests.attacks.attacked import LEFT, MOST, RELEASE, Attacked
from tests.attacks.hostile import ASK, LIVE
from tests.attacks.length import SECONDS
from tests.serving import Serving

pytestmark = pytest.mark.alone  # its time is compared within one run

MANY = 990
RATE = 1_000
"""Connections opened and segments sent in a second."""
ROUND = 1.5 if SECONDS else 1.0
"""Seconds of each measurement, which begins once all connections have been opened."""
ROUNDS = max(3, int(SECONDS / 15))
WORSE = 2.0
"""How many times its 99th percentile alone the good client's may be beside the attackers."""
REQUESTS = LIVE, ASK.replace(b"first: 42", b"first:  3")


def at_once(process: int, priority: int) -> bool:
    """Have a process run before all ordinary ones; return whether that is allowed."""
    try:
        os.sched_setscheduler(process, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return False
    return True


@pytest.fixture
def apart(attacked: Attacked) -> Iterator[bool]:
    """The gateway on one core, all else on another; whether no other process disturbs them."""
    ours = os.sched_getaffinity(0)
    first, *others = sorted(ours)
    os.sched_setaffinity(attacked.process.pid, {first})
    os.sched_setaffinity(0, set(others) or ours)
    undisturbed = bool(others) and at_once(attacked.process.pid, 3) and at_once(0, 2)
    yield undisturbed
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.sched_setaffinity(0, ours)


def served(attacked: Attacked) -> tuple[list[float], set[tuple[int, bytes]]]:
    """Ask for a round by one connection: the milliseconds waited, and what was answered."""
    waited, answers = list[float](), set[tuple[int, bytes]]()
    ends = time.monotonic() + ROUND
    with Serving(*attacked.address).connection() as wire:
        while time.monotonic() < ends:
            for request in REQUESTS:
                began = time.perf_counter()
                answer = wire.ask(request)
                waited.append((time.perf_counter() - began) * 1e3)
                answers.add((answer.status, _steady(answer.content)))
            threading.Event().wait(0.005)
    return sorted(waited), answers


def _steady(content: bytes) -> bytes:
    """An answer without what it says of ages and of the budget."""
    whole = orjson.loads(content)
    whole.pop("extensions", None)
    return orjson.dumps(whole)


def percentiles(waited: list[float]) -> tuple[float, float]:
    """The median and the 99th of a hundred."""
    ordered = sorted(waited)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


@contextlib.contextmanager
def beside_attackers(attacked: Attacked) -> Iterator[None]:
    """All attackers are connected within, and go on."""
    opening = MANY / RATE * 1.5
    numbers = [str(each) for each in (MANY, opening + ROUND + 0.5, RATE)]
    host, port = attacked.address
    command = [sys.executable, "-m", "tests.attacks.hostile", host, str(port), *numbers]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as attackers:  # noqa: S603
        at_once(attackers.pid, 1)
        threading.Event().wait(opening)
        yield
    assert attackers.returncode == 0


def test_a_good_client_is_answered_beside_a_thousand_hostile_connections(
    attacked: Attacked,
    *,
    apart: bool,
) -> None:
    served(attacked)  # what is only slow once
    rests = attacked.megabytes("VmRSS")
    ratios, report = list[float](), list[str]()
    expected, given = set[tuple[int, bytes]](), set[tuple[int, bytes]]()
    for _ in range(ROUNDS):
        alone, answers = served(attacked)
        expected |= answers
        with beside_attackers(attacked):
            before = attacked.scheduled()
            beside, answers = served(attacked)
            ran, queued = (
                now - then for now, then in zip(attacked.scheduled(), before, strict=True)
            )
        given |= answers
        (median, late), (median_beside, late_beside) = percentiles(alone), percentiles(beside)
        ratios.append(late_beside / late)
        report.append(
            f"alone p50 {median:.2f} ms, p99 {late:.2f} ms; beside {MANY} p50 {median_beside:.2f}"
            f" ms, p99 {late_beside:.2f} ms: {median_beside / median:.1f} and {ratios[-1]:.1f}"
            f" times; {len(beside)} requests; the gateway ran for {ran / ROUND:.0%} of the time and"
            f" waited for its core for {queued / ROUND:.0%}"
        )
    most = attacked.megabytes("VmHWM")
    ends = time.monotonic() + RELEASE
    while attacked.megabytes("VmRSS") - rests > LEFT and time.monotonic() < ends:
        threading.Event().wait(0.1)
    left = attacked.megabytes("VmRSS")
    report.append(
        f"the median of the ratios is {statistics.median(ratios):.2f}"
        f"{'' if apart else ', not held to beside other processes'};"
        f" resident {rests:.0f} MB before, {most:.0f} MB at most, {left:.0f} MB after"
    )
    summary = "\n".join(["", *report, ""])
    sys.stdout.write(summary)

    assert {status for status, _ in expected} == {200}
    assert len(expected) == len(REQUESTS)
    assert given == expected, summary
    assert most <= MOST, summary
    assert left - rests <= LEFT, summary
    if apart:
        assert statistics.median(ratios) <= WORSE, summary
