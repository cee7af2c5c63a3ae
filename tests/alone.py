"""Decide what runs beside a test, where several workers run tests.

A test that is marked `alone` has the machine: what measures other processes' time or memory would
measure the other workers' tests too. One that is marked `quiet` runs beside others of that kind:
they mostly wait, and a server or a gateway that is not given the machine for a moment counts as
lost.
"""

from __future__ import annotations

import contextlib
import fcntl
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ALONE, QUIET, BUSY = "alone", "quiet", "busy"
_FOLDER = pytest.StashKey[str]()
"""Where the workers of one run find their locks."""


class Turns:
    """Three file locks: one of each kind that can run beside its own, and one for who is next.

    A test takes that of its own kind shared, after it had that of the other exclusively. Without
    the third, workers that share the machine without a pause would never leave it.
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
            following, *locks = [
                stack.enter_context((self._folder / name).open("w"))
                for name in ("next", *sorted((BUSY, QUIET), key=self._kind.__eq__))
            ]
            fcntl.flock(following, fcntl.LOCK_EX)
            fcntl.flock(locks[0], fcntl.LOCK_EX)
            if self._kind == ALONE:
                fcntl.flock(locks[1], fcntl.LOCK_EX)
            else:
                fcntl.flock(locks[1], fcntl.LOCK_SH)
                fcntl.flock(locks[0], fcntl.LOCK_UN)
            fcntl.flock(following, fcntl.LOCK_UN)
            try:
                yield
            finally:
                for lock in locks:
                    fcntl.flock(lock, fcntl.LOCK_UN)  # a forked child may hold the file still

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

        A worker is given an equal part of the tests in their order.
        """
        quiet: dict[object, list[pytest.Item]] = {}
        others = []
        for item in items:
            if _kind_of(item) == QUIET:
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
    kinds = (kind for kind in (ALONE, QUIET) if item and item.get_closest_marker(kind))
    return next(kinds, BUSY)


def _seconds(module: list[pytest.Item]) -> int:
    """About how long a module of quiet tests takes."""
    mark = module[0].get_closest_marker(QUIET)
    seconds: int = mark.kwargs.get("seconds", 20) if mark else 0
    return seconds


def pytest_configure(config: pytest.Config) -> None:
    """Take part in turns as a worker, or make the folder of the workers that will be started."""
    config.addinivalue_line("markers", "alone: no other worker runs a test meanwhile")
    config.addinivalue_line("markers", "quiet(seconds): others run tests with this mark meanwhile")
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
