"""Stops asking an API that only fails, and finds out with one request when it no longer does."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

RUN = 5
"""Failures in a row that open the breaker."""
SHARE, ENOUGH, SPAN = 0.5, 10, 30.0
"""Or this part of at least so many calls in so many seconds."""
FIRST, LONGEST = 5.0, 60.0
"""Seconds it stays open, doubled each time the one request that tries fails too."""
TRYING = 1.0
"""Seconds told to others while that one is on its way."""
MIN_CALLERS = 2
"""Callers whose calls must have failed: one caller's poisoned record is not an outage. Where no
other caller is about, different things that one caller asked for must have."""


class FailedCall(NamedTuple):
    """A call that was not answered, or with a 5xx."""

    partition: str
    """Whose it was."""
    what: str | None
    """What it asked for; None where no connection stood, as for whatever is asked."""


class CircuitBreaker:
    """Whether the API is worth asking. Every method is told the time, in seconds.

    Only the API's absence counts: no answer, or a 5xx. A refusal (4xx, 429) is an answer. Opened
    on the word of one caller alone, it keeps that caller away, and another's request tries.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[float, str, FailedCall | None]] = deque()
        """When each recent call ended, whose it was, and how it failed if it did."""
        self._run: list[FailedCall] = []
        self.closed = True
        """Whether it lets everybody pass, as it does unless the API only fails."""
        self._until = 0.0
        """When to try while it does not."""
        self._open_for = FIRST
        self._trying = False
        self._single_caller: str | None = None
        """Whose word alone it was opened on."""

    def wait(self, now: float, partition: str | None = None) -> float:
        """Seconds until a request of this caller may pass; 0 when one may pass now."""
        if self.closed:
            return 0.0
        other = self._single_caller is not None and partition not in {None, self._single_caller}
        if now < self._until and not other:
            return self._until - now
        return TRYING if self._trying else 0.0

    def due(self, now: float) -> bool:
        """Whether it is time to try, or nothing need be tried."""
        return self.closed or now >= self._until

    def enter(self) -> bool:
        """Let a request pass after `wait` said 0. True: it tries for all."""
        self._trying = not self.closed
        return self._trying

    def answered(self, now: float, partition: str, *, trying: bool) -> None:
        """A call of this caller's was answered, whatever the answer."""
        if trying:
            self.close()
        elif self.closed:
            self._run.clear()
            self._note(now, partition, None)

    def failed(self, now: float, failed: FailedCall, *, trying: bool) -> None:
        """A call was not answered, or with a 5xx."""
        if trying:
            if self._single_caller not in {None, failed.partition}:
                self._single_caller = None
            self._open_for = min(2 * self._open_for, LONGEST)
            self._open(now)
        elif self.closed:
            self._run = [*self._run, failed][-ENOUGH:]
            self._note(now, failed.partition, failed)
            if self._is_outage():
                self._open(now)

    def rest(self, now: float, seconds: float) -> None:
        """The API asks to be left alone for so long (RFC 9110, 10.2.3, with a 503)."""
        self._single_caller = None
        self._open(now)
        self._until = now + seconds

    def unknown(self, *, trying: bool) -> None:
        """A call says nothing of the API: it never left us, or was refused with a 429."""
        if trying:
            self._trying = False

    def close(self) -> None:
        """The API is there."""
        self._calls.clear()
        self._run.clear()
        self.closed = True
        self._open_for = FIRST
        self._trying = False
        self._single_caller = None

    def _note(self, now: float, partition: str, failed: FailedCall | None) -> None:
        self._calls.append((now, partition, failed))
        while self._calls[0][0] <= now - SPAN:
            self._calls.popleft()

    def _is_outage(self) -> bool:
        if len(self._run) >= RUN and self._attested(self._run):
            return True
        failed = [failed for _, _, failed in self._calls if failed is not None]
        many = len(self._calls) >= ENOUGH and len(failed) >= SHARE * len(self._calls)
        return many and self._attested(failed)

    def _attested(self, failed: list[FailedCall]) -> bool:
        """Whether it is not the matter of one caller, or of one thing, that these failed."""
        whose = {each.partition for each in failed}
        if len(whose) >= MIN_CALLERS:
            self._single_caller = None
            return True
        if any(partition not in whose for _, partition, _ in self._calls):
            return False
        what = {each.what for each in failed}
        [self._single_caller] = whose
        return None in what or len(what) >= MIN_CALLERS

    def _open(self, now: float) -> None:
        self._until = now + self._open_for
        self.closed = self._trying = False
