"""Strangers who would fill the memory or a core, against a real process with the default limits.

What is held to is memory: 250 MB at most, whoever is connected. How long others wait meanwhile is
told beside it, as a ratio within one run.
"""

import contextlib
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.attacks.hostile import KINDS, Kind, attack
from tests.attacks.length import SECONDS
from tests.serving import Way

MOST = 250
"""Megabytes that the process may have resident."""
RELEASE = 5.0
"""Seconds after which nothing is held any more for connections that are over."""
LEFT = 40
"""Megabytes that may then stay, of what any load leaves behind."""


@dataclass
class Attacked:
    """A gateway's process."""

    process: subprocess.Popen[str]
    url: str

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def megabytes(self, what: str) -> float:
        """Of memory: `VmRSS`, what is resident; `VmHWM`, the most that was."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
        raise AssertionError(what)

    @contextlib.contextmanager
    def polled(self) -> Iterator[list[float]]:
        """The seconds that others wait for `/livez` meanwhile, once each 20 ms."""
        waited: list[float] = []
        over = threading.Event()

        def poll() -> None:
            transport = httpx.HTTPTransport(local_address="127.0.0.200")
            with httpx.Client(base_url=self.url, transport=transport, timeout=30) as http:
                while not over.wait(0.02):
                    began = time.perf_counter()
                    assert http.get("/livez").status_code == 200
                    waited.append(time.perf_counter() - began)

        polling = threading.Thread(target=poll)
        polling.start()
        try:
            yield waited
        finally:
            over.set()
            polling.join()


@pytest.fixture(params=list(Way), ids=lambda way: way.value)
def attacked(request: pytest.FixtureRequest) -> Iterator[Attacked]:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    command = [sys.executable, "-m", "tests.attacks.process", request.param.value]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        try:
            yield Attacked(process, process.stdout.readline().strip())
        finally:
            process.kill()
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


def suffered(attacked: Attacked, kinds: list[Kind], many: int, *, again: bool) -> str:
    """Attack, and report: the process never holds more than it may, and soon what it did."""
    with attacked.polled() as before:
        threading.Event().wait(0.3)
    rests = attacked.megabytes("VmRSS")
    with attacked.polled() as meanwhile:
        sent = attack(attacked.address, kinds, many, SECONDS or 0.5, again=again)
    most = attacked.megabytes("VmHWM")
    ends = time.monotonic() + RELEASE
    while attacked.megabytes("VmRSS") - rests > LEFT and time.monotonic() < ends:
        threading.Event().wait(0.1)
    after = attacked.megabytes("VmRSS")
    report = (
        f"{sent / 1e6:.0f} MB taken; resident {rests:.0f} MB before, {most:.0f} MB at most,"
        f" {after:.0f} MB after; /livez median"
        f" {statistics.median(meanwhile) / statistics.median(before):.1f} times, worst"
        f" {max(meanwhile) * 1e3:.0f} ms of {max(before) * 1e3:.0f} ms"
    )
    assert attacked.process.poll() is None, report
    assert most <= MOST, report
    assert after - rests <= LEFT, report
    assert meanwhile, report
    return report


def test_no_kind_of_stranger_fills_the_memory(attacked: Attacked) -> None:
    for kind, sends in KINDS.items():
        sys.stdout.write(f"\n{kind}: {suffered(attacked, [sends], 40, again=False)}")


def test_a_thousand_of_all_kinds_together_do_not(attacked: Attacked) -> None:
    report = suffered(attacked, list(KINDS.values()), 990, again=True)
    sys.stdout.write(f"\n990 of all kinds: {report}\n")
