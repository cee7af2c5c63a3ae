"""Other people's programs, run against the demo over real sockets; each tells what it did."""

import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from gateway.sandbox.users import DEMO, DemoUser
from tests.e2e.conftest import Running, started
from tests.skips import NODE
from tests.transcripts import note

HERE = Path(__file__).parent
PATIENCE = 180

BIN = HERE / "node_modules" / ".bin"
TEST = ("--test", "--test-reporter=spec")
Program = Callable[..., str]
"""Runs `node` with these arguments, in a folder here, and answers what it printed.

Fails unless it ends with `status`, which is 0 by default.
"""


@pytest.fixture(scope="session")
def node() -> str:
    """Node, where the npm project's packages are."""
    if not (HERE / "node_modules").exists():
        pytest.skip("the npm packages of tests/clients are not here: `make test` brings them")
    return NODE.path()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds to what the end of the run says of this test."""
    return partial(note, request.node)


def ended(
    node: str, *arguments: str | Path, folder: str = ".", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `node` with these arguments, in a folder here, until it ends."""
    return subprocess.run(  # noqa: S603 - locked programs and scripts of ours
        [node, *arguments],
        cwd=HERE / folder,
        env=os.environ | {"NO_COLOR": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def program(node: str, tell: Callable[[str], None]) -> Program:

    def run(*arguments: str | Path, folder: str = ".", status: int = 0, **environment: str) -> str:
        done = ended(node, *arguments, folder=folder, **environment)
        tell(done.stdout)
        assert done.returncode == status, done.stdout
        return done.stdout

    return run


def places(demo: Running, by: DemoUser = DEMO) -> dict[str, str]:
    """What a script must know of the demo: see `setting.mjs`."""
    return {
        "GATEWAY": f"{demo.url}/graphql",
        "API_KEY": by.api_key,
        "SANDBOX": demo.output.split("Sandbox")[1].split()[0].removesuffix("/v1/clients"),
    }


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    with started("run", folder=tmp_path) as command:
        yield command
