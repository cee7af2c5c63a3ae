"""The real thing: the sandbox and the gateway as processes of their own, over real sockets."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clockwork import REAL

COMMAND = Path(sys.executable).parent / "clients-gateway"
PATIENCE = 30
READY = {"run": "Ctrl-C", "sandbox": "Demo key", "serve": "Acts by"}
"""The last thing that each command prints before it is up."""


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL


@dataclass
class Running:
    """One of our commands, running; `output` is all that it printed before it was ready."""

    process: subprocess.Popen[str]
    output: str

    @property
    def url(self) -> str:
        """The first address it printed."""
        found = re.search(r"http://127\.0\.0\.1:\d+", self.output)
        assert found, self.output
        return found.group()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit status."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@contextmanager
def running(
    *arguments: str, ready: str, folder: Path, command: str | Path = COMMAND, **environment: str
) -> Iterator[Running]:
    """Run a command until the block ends; it is up once it has printed a line with `ready`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    process = subprocess.Popen(  # noqa: S603 - our own commands
        [command, *arguments],
        cwd=folder,
        env=ours | {"GATEWAY_STATE_DIR": str(folder / "state")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    output = ""
    try:
        for line in process.stdout:
            output += line
            if ready in line:
                break
        assert ready in output, output
        yield Running(process, output)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def started(
    command: str, *arguments: str, folder: Path, **environment: str
) -> AbstractContextManager[Running]:
    """Run one of our commands until the block ends, on a free port by default."""
    port = () if "--port" in arguments else ("--port", "0")
    ready = READY[command]
    return running(command, *port, *arguments, ready=ready, folder=folder, **environment)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    with started("run", folder=tmp_path) as command:
        yield command


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    with started("sandbox", folder=tmp_path) as command:
        yield command
