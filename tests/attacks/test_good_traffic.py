"""A good client beside a thousand hostile connections: what it is answered, and how late.

Attackers and the good client have one core and the gateway the other, where there are two, and the
attack is limited to what one core can send: the gateway is measured, not who gets a core. Time is
reported as a ratio within one run; what is held to are answers and memory.
"""

import os
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
ROUND = 2.0
"""Seconds of each measurement, which begins once all connections have been opened."""
ROUNDS = max(1, int(SECONDS / 15))
REQUESTS = LIVE, ASK.replace(b"first: 42", b"first:  3")


@pytest.fixture
def apart(attacked: Attacked) -> Iterator[None]:
    """The gateway on one core, all else on another."""
    ours = os.sched_getaffinity(0)
    first, *others = sorted(ours)
    os.sched_setaffinity(attacked.process.pid, {first})
    os.sched_setaffinity(0, set(others) or ours)
    yield
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


@pytest.mark.usefixtures("apart")
def test_a_good_client_is_answered_beside_a_thousand_hostile_connections(
    attacked: Attacked,
) -> None:
    served(attacked)  # what is only slow once
    rests = attacked.megabytes("VmRSS")
    alone, beside = list[float](), list[float]()
    expected, given = set[tuple[int, bytes]](), set[tuple[int, bytes]]()
    ran = queued = 0.0
    for _ in range(ROUNDS):
        waited, answers = served(attacked)
        alone += waited
        expected |= answers
        opening = MANY / RATE * 1.5
        numbers = [str(each) for each in (MANY, opening + ROUND + 0.5, RATE)]
        host, port = attacked.address
        command = [sys.executable, "-m", "tests.attacks.hostile", host, str(port), *numbers]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as attackers:  # noqa: S603
            threading.Event().wait(opening)
            before = attacked.scheduled()
            waited, answers = served(attacked)
            after = attacked.scheduled()
        assert attackers.returncode == 0
        beside += waited
        given |= answers
        ran, queued = ran + after[0] - before[0], queued + after[1] - before[1]
    most = attacked.megabytes("VmHWM")
    ends = time.monotonic() + RELEASE
    while attacked.megabytes("VmRSS") - rests > LEFT and time.monotonic() < ends:
        threading.Event().wait(0.1)
    left = attacked.megabytes("VmRSS")
    (median, worst), (median_beside, worst_beside) = percentiles(alone), percentiles(beside)
    seconds = ROUNDS * ROUND
    report = (
        f"alone p50 {median:.2f} ms, p99 {worst:.2f} ms; beside {MANY} p50 {median_beside:.2f} ms,"
        f" p99 {worst_beside:.2f} ms: {median_beside / median:.1f} and"
        f" {worst_beside / worst:.1f} times; {len(beside)} requests; the gateway ran for"
        f" {ran / seconds:.0%} of the time and waited for a core for {queued / seconds:.0%};"
        f" resident {rests:.0f} MB before, {most:.0f} MB at most, {left:.0f} MB after"
    )
    sys.stdout.write(f"\n{report}\n")

    assert {status for status, _ in expected} == {200}
    assert len(expected) == len(REQUESTS)
    assert given == expected, report
    assert most <= MOST, report
    assert left - rests <= LEFT, report
