"""Other people's programs, run against the demo over real sockets; each tells what it did."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.sandbox.people import DEMO, Person
from tests.e2e.conftest import Running, running
from tests.skips import NODE

HERE = Path(__file__).parent
PATIENCE = 180
_TOLD = pytest.StashKey[dict[str, str]]()

BIN = HERE / "node_modules" / ".bin"
TEST = ("--test", "--test-reporter=spec")
Program = Callable[..., str]
"""Runs `node` with these arguments, in a folder here; what it printed. Fails when it fails."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TOLD] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what each program did, passed or not: that it ran at all is half the proof."""
    for test, told in config.stash[_TOLD].items():
        terminalreporter.section(test, sep="·")
        terminalreporter.write_line(told.rstrip())


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Program:
    node = NODE.path()
    if not (HERE / "node_modules").exists():
        pytest.skip("the npm packages of tests/clients are not here: `make test` brings them")

    def run(*arguments: str | Path, folder: str = ".", **environment: str) -> str:
        done = subprocess.run(  # noqa: S603 - locked programs and scripts of ours
            [node, *arguments],
            cwd=HERE / folder,
            env=os.environ | {"NO_COLOR": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        before = request.config.stash[_TOLD].get(request.node.name, "")
        request.config.stash[_TOLD][request.node.name] = before + done.stdout
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


def places(demo: Running, by: Person = DEMO) -> dict[str, str]:
    """What a script must know of the demo: see `setting.mjs`."""
    return {
        "GATEWAY": f"{demo.url}/graphql",
        "API_KEY": by.api_key,
        "SANDBOX": demo.said.split("Sandbox")[1].split()[0].removesuffix("/v1/clients"),
    }


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    with running("run", "--port", "0", ready="Ctrl-C", folder=tmp_path) as command:
        yield command
