"""One worker: a forked process, and the socket by which it and its supervisor know of each other.

The socket of the one is closed when the other ends, however that happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.server.graceful_stop import GracefulStop

BEAT_SECONDS = 5.0
"""Seconds between two signs of life of a worker."""
EXIT_SECONDS = 5.0
"""Seconds for which the supervisor waits for a worker that ends: it does nothing else meanwhile."""
_POLL_SECONDS = 0.005
_ALIVE, _LEAVE, _DRAIN = b"a", b"l", b"d"
_HANDLED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


class Closeable(Protocol):
    """Something open, such as a socket."""

    def close(self) -> None:
        """Close it."""


class WorkerProcess:
    """A worker, as its supervisor sees it."""

    def __init__(self, number: int, pid: int, channel: socket.socket, began: float) -> None:
        self.number = number
        self.pid = pid
        self.channel = channel
        self.began = self.heard = began
        self.ready = False
        self.stopping = False
        self.reloads = False
        """Whether a reload was requested before it was ready."""

    def hear(self, now: float) -> bool:
        """Read a sign of life, the first of which says that it serves; return whether it lives."""
        try:
            received = self.channel.recv(16)
        except ConnectionError:
            return False
        self.heard = now
        return bool(received)

    def leave(self) -> None:
        """Have the worker report that it is not ready."""
        self._send(_LEAVE)

    def drain(self) -> None:
        """Have the worker drain and end; end it at once if it does not serve yet."""
        self.stopping = True
        if self.ready:
            self._send(_DRAIN)
        else:
            self.kill(signal.SIGKILL)

    def _send(self, request: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # it has just ended
            self.channel.send(request)

    def kill(self, how: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, how)

    def exit_code(self, within: float = EXIT_SECONDS) -> int:
        """Return the exit status of a worker that ends; negative, the signal that ended it.

        One that has not ended `within` so many seconds is killed: it has closed its socket.
        """
        self.channel.close()
        until = time.monotonic() + within
        while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            if time.monotonic() >= until:
                self.kill(signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        return os.waitstatus_to_exitcode(ended[1])


class Supervised:
    """The supervisor, as a worker sees it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def beat(self) -> None:
        """Report that this worker serves, now and again; in the event loop."""
        with contextlib.suppress(BlockingIOError, ConnectionError):  # it is stopped, or has ended
            self._channel.send(_ALIVE, socket.MSG_DONTWAIT)
        asyncio.get_running_loop().call_later(BEAT_SECONDS, self.beat)

    def listen(self, stop: GracefulStop) -> None:
        """Stop as the supervisor requests it, or if it has ended; in the event loop."""
        loop = asyncio.get_running_loop()

        def hear() -> None:
            if (received := self._channel.recv(16)) == _LEAVE:
                stop.leave()
                return
            if not received:
                loop.remove_reader(self._channel)
            stop.drain()

        loop.add_reader(self._channel, hear)


def fork(
    number: int,
    work: Callable[[int, Supervised], int],
    inherited: Iterable[Closeable],
    began: float,
) -> WorkerProcess:
    """Run `work` in a new process, which exits with its status: there this does not return.

    It closes its copies of what it has `inherited` from the supervisor.
    """
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)  # else a worker would act on one as we do
    if pid := os.fork():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        theirs.close()
        ours.setblocking(False)  # noqa: FBT003 - its name says what
        return WorkerProcess(number, pid, ours, began)
    signal.set_wakeup_fd(-1)
    for name in _HANDLED:  # service managers and terminals send them to all processes
        signal.signal(name, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
    for each in (ours, *inherited):
        each.close()
    sys.exit(work(number, Supervised(theirs)))
