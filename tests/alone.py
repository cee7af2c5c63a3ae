"""Give a test that is marked `alone` the machine, where several workers run tests.

What measures other processes' time or memory would measure the other workers' tests too.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_FOLDER = pytest.StashKey[str]()
"""Where the workers of one run find their locks."""


class Turns:
    """Two file locks: one for the machine, shared or exclusive, and one for who is next.

    Without the second, workers that share the machine without a pause would never leave it.
    """

    def __init__(self, folder: Path) -> None:
        self._next = folder / "next"
        self._machine = folder / "machine"
        self._turn = contextlib.ExitStack()
        self._alone = False

    @contextlib.contextmanager
    def _taken(self) -> Iterator[None]:
        """Hold the machine until the block ends."""
        with self._next.open("w") as following, self._machine.open("w") as machine:
            fcntl.flock(following, fcntl.LOCK_EX)
            fcntl.flock(machine, fcntl.LOCK_EX if self._alone else fcntl.LOCK_SH)
            fcntl.flock(following, fcntl.LOCK_UN)
            try:
                yield
            finally:
                fcntl.flock(machine, fcntl.LOCK_UN)  # a forked child may hold the file still

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        """Run one test and its fixtures; tests that follow each other alone have one turn."""
        if not self._alone:
            self._alone = _is_alone(item)
            self._turn.enter_context(self._taken())
        try:
            return (yield)
        finally:
            self._alone = self._alone and _is_alone(nextitem)
            if not self._alone:
                self._turn.close()


def _is_alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("alone") is not None


def pytest_configure(config: pytest.Config) -> None:
    """Take part in turns as a worker, or make the folder of the workers that will be started."""
    config.addinivalue_line("markers", "alone: no other worker runs a test meanwhile")
    if worker := getattr(config, "workerinput", None):
        config.pluginmanager.register(Turns(Path(worker["turns"])))
    elif config.getoption("numprocesses", None):
        folder = TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        config.stash[_FOLDER] = folder.name


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the folder to a worker that is about to start."""
    node.workerinput["turns"] = node.config.stash[_FOLDER]
