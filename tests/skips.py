"""What a test may need from the machine, and what becomes of a test that does not find it.

A missing program skips the test, and the end of the run says so and how to get it. With
GATEWAY_TEST_NO_SKIPS=1, as in CI, every skip is a failure instead.
"""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Program:
    """A system program under any of the names it goes by, and where it comes from."""

    name: str
    commands: tuple[str, ...]
    source: str

    def path(self) -> str:
        """Where it is; skips the asking test where it is not."""
        places = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
        for command in self.commands:
            if found := shutil.which(command, path=places):
                return found
        pytest.skip(f"{self.name} is not on this machine: {self.source}")


CHROMIUM = Program(
    "Chromium", ("chromium", "chromium-browser", "google-chrome"), "apt-get install chromium"
)
NODE = Program("Node", ("node",), "`make test` brings one")
GIT = Program("git", ("git",), "apt-get install git")
JAVA = Program("Java", ("java",), "apt-get install default-jdk-headless")
NGINX = Program("nginx", ("nginx", "/usr/sbin/nginx"), "apt-get install nginx-light")
HAPROXY = Program("HAProxy", ("haproxy", "/usr/sbin/haproxy"), "apt-get install haproxy")
BUILDAH = Program("buildah", ("buildah",), "apt-get install buildah")
MMDEBSTRAP = Program("mmdebstrap", ("mmdebstrap",), "apt-get install mmdebstrap")
PROMTOOL = Program("promtool", ("promtool",), "apt-get install prometheus")
CADDY = Program("Caddy", ("caddy",), "`make test` brings one")

FAKETIME = "faketime/libfaketimeMT.so.1"
"""The library that sets a program's wall clock, below the folder of the machine's libraries."""
JARS = Path("/usr/share/java")
"""Where Debian keeps Java's libraries."""


def jar(name: str, source: str) -> Path:
    """A Java library of the system; skips the asking test where it is not."""
    file = JARS / f"{name}.jar"
    if not file.exists():
        pytest.skip(f"{name} is not on this machine: apt-get install {source}")
    return file


def faketime(file: Path) -> dict[str, str]:
    """Settings of a program whose wall clock, and no other, differs by what stands in a file."""
    found = next(Path("/usr/lib").glob(f"*/{FAKETIME}"), None)
    if found is None:
        pytest.skip("faketime is not on this machine: apt-get install faketime")
    return {
        "LD_PRELOAD": str(found),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


_FORBIDDEN = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Read our variable, and take it away: a gateway started by a test would refuse the name."""
    forbidden = os.environ.pop("GATEWAY_TEST_NO_SKIPS", "") == "1"
    worker = getattr(config, "workerinput", {})
    config.stash[_FORBIDDEN] = worker.get("skips_forbidden", forbidden)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass our variable, taken away here, to a worker that is about to start."""
    node.workerinput["skips_forbidden"] = node.config.stash[_FORBIDDEN]


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def _is_skip(report: pytest.TestReport | pytest.CollectReport) -> bool:
    return report.outcome == "skipped" and not hasattr(report, "wasxfail")


def _fail_if_forbidden(
    config: pytest.Config, report: pytest.TestReport | pytest.CollectReport
) -> None:
    if config.stash[_FORBIDDEN] and _is_skip(report):
        report.longrepr = f"skipped, and here nothing may be: {_reason(report)}"
        report.outcome = "failed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail the skipped test where skips are forbidden."""
    report = yield
    _fail_if_forbidden(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail the skipped file where skips are forbidden."""
    report = yield
    _fail_if_forbidden(collector.config, report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not tested, as the last thing before the closing line."""
    skipped = Counter(_reason(report) for report in terminalreporter.getreports("skipped"))
    if not skipped:
        return
    terminalreporter.section("NOT TESTED ON THIS MACHINE", sep="!", yellow=True, bold=True)
    for reason, count in sorted(skipped.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.line(f"{tests} skipped: {reason}", yellow=True)
