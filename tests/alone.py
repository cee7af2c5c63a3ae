"""Decide what runs beside a test, where several workers run tests.

A test that is marked `alone` has the machine: what measures other processes' time or memory would
measure the other workers' tests too. One that is marked `quiet` runs beside others of that kind:
they mostly wait, and a server or a gateway that is not given the machine for a moment counts as
lost. One that is marked `background` takes only the CPU that all others leave, and runs beside any
that is not alone.
"""

from __future__ import annotations

import contextlib
import fcntl
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ALONE, BACKGROUND, QUIET, BUSY = "alone", "background", "quiet", "busy"
_FOLDER = pytest.StashKey[str]()
"""Where the workers of one run find their locks."""


class Turns:
    """Four file locks: one of each kind that can run beside its own, and one for who is next.

    A quiet or a busy test takes that of its own kind shared, after it had that of the other
    exclusively. Without the one for who is next, workers that share the machine without a pause
    would never leave it. One that runs alone takes all, the background's before any other waits.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder = folder
        self._workers = workers
        self._turn = contextlib.ExitStack()
        self._kind = BUSY

    @contextlib.contextmanager
    def _taken(self) -> Iterator[None]:
        """Hold the machine until the block ends."""
        with contextlib.ExitStack() as stack:
            background, following, *locks = [
                stack.enter_context((self._folder / name).open("w"))
                for name in (BACKGROUND, "next", *sorted((BUSY, QUIET), key=self._kind.__eq__))
            ]
            if self._kind in {ALONE, BACKGROUND}:
                fcntl.flock(background, fcntl.LOCK_EX if self._kind == ALONE else fcntl.LOCK_SH)
            if self._kind != BACKGROUND:
                self._take(following, *locks)
            try:
                yield
            finally:
                for lock in (*locks, background):
                    fcntl.flock(lock, fcntl.LOCK_UN)  # a forked child may hold the file still

    def _take(self, following: IO[str], other: IO[str], own: IO[str]) -> None:
        fcntl.flock(following, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_EX)
        if self._kind == ALONE:
            fcntl.flock(own, fcntl.LOCK_EX)
        else:
            fcntl.flock(own, fcntl.LOCK_SH)
            fcntl.flock(other, fcntl.LOCK_UN)
        fcntl.flock(following, fcntl.LOCK_UN)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        """Run one test and its fixtures; tests of a marked kind that follow have one turn."""
        kind = _kind_of(item)
        if kind != self._kind or kind == BUSY:
            self._kind = kind
            self._turn.enter_context(self._taken())
        try:
            return (yield)
        finally:
            if kind == BUSY or kind != _kind_of(nextitem):
                self._kind = BUSY
                self._turn.close()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Have all workers begin with quiet tests, and so run them at the same time.

        A worker is given an equal part of the tests in their order. Those that run alone are last:
        they wait for the background.
        """
        quiet: dict[object, list[pytest.Item]] = {}
        others = []
        for item in sorted(items, key=lambda item: _kind_of(item) == ALONE):
            if _kind_of(item) in {BACKGROUND, QUIET}:
                quiet.setdefault(item.path, []).append(item)
            else:
                others.append(item)
        shares: list[list[list[pytest.Item]]] = [[] for _ in range(self._workers)]
        for module in sorted(quiet.values(), key=_seconds, reverse=True):
            min(shares, key=lambda share: sum(map(_seconds, share))).append(module)
        ordered: list[pytest.Item] = []
        left = iter(others)
        for number, modules in enumerate(shares):
            size = (len(items) - len(ordered)) // (self._workers - number)
            share = [item for module in modules for item in module]
            ordered += share
            ordered += islice(left, max(size - len(share), 0))
        items[:] = ordered


def _kind_of(item: pytest.Item | None) -> str:
    kinds = (ALONE, BACKGROUND, QUIET)
    marked = (kind for kind in kinds if item and item.get_closest_marker(kind))
    return next(marked, BUSY)


def _seconds(module: list[pytest.Item]) -> int:
    """About how long a module of these tests takes."""
    mark = module[0].get_closest_marker(_kind_of(module[0]))
    seconds: int = mark.kwargs.get("seconds", 20) if mark else 0
    return seconds


def pytest_configure(config: pytest.Config) -> None:
    """Take part in turns as a worker, or make the folder of the workers that will be started."""
    config.addinivalue_line("markers", "alone: no other worker runs a test meanwhile")
    config.addinivalue_line("markers", "quiet(seconds): others run tests with this mark meanwhile")
    config.addinivalue_line("markers", "background(seconds): not beside tests that are alone")
    if worker := getattr(config, "workerinput", None):
        turns = Turns(Path(worker["turns"]), worker["workercount"])
        config.pluginmanager.register(turns)
    elif config.getoption("numprocesses", None):
        folder = TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        config.stash[_FOLDER] = folder.name


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the folder to a worker that is about to start."""
    node.workerinput["turns"] = node.config.stash[_FOLDER]
