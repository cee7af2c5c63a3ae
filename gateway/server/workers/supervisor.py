"""Starts the workers, replaces those that end, and stops one after the other."""

import logging
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence

from gateway.server.workers.process import BEAT_SECONDS, Closeable, Supervised, WorkerProcess, fork
from gateway.server.workers.restarts import STEADY_SECONDS, restart_delay

TURNS_SECONDS = 5.0
"""Seconds within which all workers have begun to drain."""
KILL_SECONDS = 30.0
"""Seconds after which a worker is killed that has not drained, or gives no sign of life."""
_STOPS = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger(__name__)


class Supervisor:
    """Keeps `count` workers running until SIGTERM or SIGINT, then drains one after the other.

    The first worker is started alone: if it fails, nothing else is started. A worker that drains
    leaves new connections to the others. A second signal kills all of them.
    """

    def __init__(  # noqa: PLR0913 - keyword arguments
        self,
        count: int,
        work: Callable[[int, Supervised], int],
        listening: socket.socket,
        announce: Callable[[Sequence[int]], None],
        *,
        delay: float = 0.0,
        reloads: bool = False,
    ) -> None:
        """Set what a worker does and the socket that all of them serve.

        `announce` is called with the process ids when all workers are ready. They drain `delay`
        seconds after they have reported that they are not. `reloads`: SIGHUP is sent to them.
        """
        self._count = count
        self._work = work
        self._listening = listening
        self._announce = announce
        self._delay = delay
        self._handled = (*_STOPS, signal.SIGHUP) if reloads else _STOPS
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._signalled = socket.socketpair()
        self._workers: dict[int, WorkerProcess] = {}
        self._due: dict[int, float] = {0: 0.0}
        """When each worker that does not run is to be started."""
        self._short_lives = [0] * count
        self._announced = False
        self._drains_at: float | None = None
        """When the workers begin to drain; None while none is to."""
        self._status = 0

    def run(self) -> int:
        """Run until all workers have ended; return the exit status."""
        self._signalled.setblocking(False)  # noqa: FBT003 - as `set_wakeup_fd` requires
        signal.set_wakeup_fd(self._signalled.fileno())
        for each in self._handled:
            signal.signal(each, lambda *_: None)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        while self._workers or self._due:
            self._step(time.monotonic())
        return self._status

    def _step(self, now: float) -> None:
        self._start_due(now)
        self._drain_next(now)
        for key, _ in self._selector.select(self._pause(now)):
            if isinstance(key.data, WorkerProcess):
                self._hear(key.data, time.monotonic())
            else:
                for number in self._wakeup.recv(64):
                    self._act(signal.Signals(number), time.monotonic())
        self._kill_silent(time.monotonic())

    def _pause(self, now: float) -> float:
        """Return the seconds until something is due."""
        if self._drains_at is not None:
            return 0.05
        return max(0.0, min([BEAT_SECONDS, *(at - now for at in self._due.values())]))

    # Starting.

    def _start_due(self, now: float) -> None:
        for number in [number for number, at in self._due.items() if at <= now]:
            del self._due[number]
            channels = [each.channel for each in self._workers.values()]
            own: list[Closeable] = [self._selector, self._wakeup, self._signalled, *channels]
            worker = fork(number, self._work, own, now)
            self._workers[number] = worker
            self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def _hear(self, worker: WorkerProcess, now: float) -> None:
        if not worker.hear(now):
            self._bury(worker, now)
        elif not worker.ready:
            worker.ready = True
            self._welcome(worker, now)

    def _welcome(self, worker: WorkerProcess, now: float) -> None:
        if worker.reloads:
            worker.kill(signal.SIGHUP)
        if self._announced:
            _log.warning("worker %d is process %d now", worker.number + 1, worker.pid)
        elif len(self._workers) == 1 < self._count and self._drains_at is None:
            self._due.update(dict.fromkeys(range(1, self._count), now))
        elif all(each.ready for each in self._workers.values()):
            self._announced = True
            self._announce([each.pid for _, each in sorted(self._workers.items())])

    def _bury(self, worker: WorkerProcess, now: float) -> None:
        self._selector.unregister(worker.channel)
        code = worker.exit_code()
        del self._workers[worker.number]
        if worker.stopping:
            self._status = self._status or int(worker.ready and code != 0)
            return
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        ended = f"worker {worker.number + 1} (process {worker.pid}) ended {how}"
        if self._drains_at is not None:
            _log.error("%s while the gateway stopped", ended)
        elif not self._announced:
            _log.error("%s before all had started", ended)
            self._status = max(1, code)
            self._stop(now)
        else:
            delay = self._restart_delay(worker, now)
            self._due[worker.number] = now + delay
            _log.error("%s; the next one starts in %g s", ended, delay)

    def _restart_delay(self, worker: WorkerProcess, now: float) -> float:
        lives = self._short_lives
        steady = now - worker.began >= STEADY_SECONDS
        lives[worker.number] = 0 if steady else lives[worker.number] + 1
        return restart_delay(lives[worker.number])

    # Stopping.

    def _act(self, received: signal.Signals, now: float) -> None:
        if received is signal.SIGHUP:
            for worker in self._workers.values():
                worker.reloads = not worker.ready
                if worker.ready:
                    worker.kill(received)
        elif self._drains_at is None:
            self._stop(now)
        elif now < self._drains_at:
            self._drains_at = now
        else:
            self._kill_all()

    def _stop(self, now: float) -> None:
        self._due.clear()
        self._drains_at = now + self._delay
        if self._delay:
            for worker in self._workers.values():
                worker.leave()

    def _drain_next(self, now: float) -> None:
        """Drain a worker if the one before has ended, or has had its time; kill the last late."""
        begun = self._drains_at
        if begun is None or now < begun:
            return
        if now >= begun + KILL_SECONDS:
            self._kill_all()
        serving = [each for each in self._workers.values() if not each.stopping]
        turns = (now - begun) / TURNS_SECONDS * self._count
        gone_on = self._count - len(serving)
        if serving and (len(serving) == len(self._workers) or turns >= gone_on):
            if len(serving) == 1:
                self._listening.close()  # else it would take connections that nothing accepts
            serving[0].drain()

    def _kill_silent(self, now: float) -> None:
        """Kill workers whose event loop does not turn; they are replaced like others that end."""
        for worker in self._workers.values():
            if worker.ready and now - worker.heard >= KILL_SECONDS:
                _log.error("worker %d (process %d) hangs", worker.number + 1, worker.pid)
                worker.kill(signal.SIGKILL)
                worker.heard = now

    def _kill_all(self) -> None:
        for worker in self._workers.values():
            worker.stopping = True
            worker.kill(signal.SIGKILL)
