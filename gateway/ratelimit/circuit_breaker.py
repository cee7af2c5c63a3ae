"""A circuit breaker: stop calling an API that only fails, and probe it with one request."""

from collections import deque
from typing import NamedTuple

RUN = 5
"""Consecutive failures that open the breaker."""
SHARE, ENOUGH, SPAN = 0.5, 10, 30.0
"""Failure rate, minimum number of calls and period in seconds that open it too."""
FIRST, LONGEST = 5.0, 60.0
"""Seconds the breaker stays open: the first time, and at most; doubled by each failed probe."""
PROBE_WAIT = 1.0
"""Seconds that other requests wait while the probe is in flight."""
MIN_CALLERS = 2
"""Callers whose calls must have failed: a record that fails for one caller is no outage. If only
one caller is active, so many different requests of this caller must have failed."""


class FailedCall(NamedTuple):
    """A call without a response, or with a 5xx."""

    partition: str
    """The caller's partition."""
    what: str | None
    """What was requested; None if the connection failed, which affects every request."""


class CircuitBreaker:
    """Decides whether requests may be sent; every method takes the time, in seconds.

    Only the absence of the API counts: no response, or a 5xx. A 4xx is a response. A breaker that
    the failures of one caller opened holds back that caller; a request of another caller is the
    probe.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[float, str, FailedCall | None]] = deque()
        """Of each recent call: when it ended, its partition, and its failure, if any."""
        self._consecutive: list[FailedCall] = []
        self.closed = True
        """Whether all requests pass."""
        self._until = 0.0
        """When to probe, while the breaker is open."""
        self._open_for = FIRST
        self._probing = False
        self._single_caller: str | None = None
        """The caller whose failures alone opened the breaker; None for several."""

    def wait(self, now: float, partition: str | None = None) -> float:
        """Return the seconds until this caller may send a request; 0 if it may now."""
        if self.closed:
            return 0.0
        other = self._single_caller is not None and partition not in {None, self._single_caller}
        if now < self._until and not other:
            return self._until - now
        return PROBE_WAIT if self._probing else 0.0

    def due(self, now: float) -> bool:
        """Return True if the breaker is closed or a probe is due."""
        return self.closed or now >= self._until

    def enter(self) -> bool:
        """Admit a request for which `wait` returned 0; return True if it is the probe."""
        self._probing = not self.closed
        return self._probing

    def answered(self, now: float, partition: str, *, trying: bool) -> None:
        """Record a response to a call of this caller; its status does not matter."""
        if trying:
            self.close()
        elif self.closed:
            self._consecutive.clear()
            self._record(now, partition, None)

    def failed(self, now: float, failed: FailedCall, *, trying: bool) -> None:
        """Record a call without a response, or with a 5xx."""
        if trying:
            if self._single_caller not in {None, failed.partition}:
                self._single_caller = None
            self._open_for = min(2 * self._open_for, LONGEST)
            self._open(now)
        elif self.closed:
            self._consecutive = [*self._consecutive, failed][-ENOUGH:]
            self._record(now, failed.partition, failed)
            if self._is_outage():
                self._open(now)

    def rest(self, now: float, seconds: float) -> None:
        """Open for `seconds`: the API sent them as Retry-After with a 503 (RFC 9110, 10.2.3)."""
        self._single_caller = None
        self._open(now)
        self._until = now + seconds

    def unknown(self, *, trying: bool) -> None:
        """Record a call without evidence about the API: never sent, or rejected with a 429."""
        if trying:
            self._probing = False

    def close(self) -> None:
        """Close the breaker: the API responds."""
        self._calls.clear()
        self._consecutive.clear()
        self.closed = True
        self._open_for = FIRST
        self._probing = False
        self._single_caller = None

    def _record(self, now: float, partition: str, failed: FailedCall | None) -> None:
        self._calls.append((now, partition, failed))
        while self._calls[0][0] <= now - SPAN:
            self._calls.popleft()

    def _is_outage(self) -> bool:
        if len(self._consecutive) >= RUN and self._is_systemic(self._consecutive):
            return True
        failed = [failed for _, _, failed in self._calls if failed is not None]
        many = len(self._calls) >= ENOUGH and len(failed) >= SHARE * len(self._calls)
        return many and self._is_systemic(failed)

    def _is_systemic(self, failed: list[FailedCall]) -> bool:
        """Return True if the failures concern more than one caller or one request."""
        callers = {each.partition for each in failed}
        if len(callers) >= MIN_CALLERS:
            self._single_caller = None
            return True
        if any(partition not in callers for _, partition, _ in self._calls):
            return False
        requests = {each.what for each in failed}
        [self._single_caller] = callers
        return None in requests or len(requests) >= MIN_CALLERS

    def _open(self, now: float) -> None:
        self._until = now + self._open_for
        self.closed = self._probing = False
