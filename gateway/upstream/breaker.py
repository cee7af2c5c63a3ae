"""Stops asking an API that only fails, and finds out with one request when it no longer does."""

from __future__ import annotations

from collections import deque

RUN = 5
"""Failures in a row that open the breaker."""
SHARE, ENOUGH, SPAN = 0.5, 10, 30.0
"""Or this part of at least so many calls in so many seconds."""
FIRST, LONGEST = 5.0, 60.0
"""Seconds it stays open, doubled each time the one request that tries fails too."""
TRYING = 1.0
"""Seconds told to others while that one is on its way."""
PAYERS = 2
"""Callers whose calls must have failed: one caller's poisoned record is not an outage."""


class Breaker:
    """Whether the API is worth asking. Every method is told the time, in seconds.

    Only the API's absence counts: no answer, or a 5xx. A refusal (4xx, 429) is an answer.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[float, str | None]] = deque()
        """When each call of late ended, and whose failed."""
        self._run: list[str] = []
        self.closed = True
        """Whether it lets everybody pass, as it does unless the API only fails."""
        self._until = 0.0
        """When to try while it does not."""
        self._open_for = FIRST
        self._trying = False

    def wait(self, now: float) -> float:
        """Seconds until a request may pass; 0 when one may pass now."""
        if self.closed:
            return 0.0
        if now < self._until:
            return self._until - now
        return TRYING if self._trying else 0.0

    def enter(self) -> bool:
        """Let a request pass after `wait` said 0. True: it tries for all."""
        self._trying = not self.closed
        return self._trying

    def answered(self, now: float, *, trying: bool) -> None:
        """A call was answered, whatever the answer."""
        if trying:
            self._close()
        elif self.closed:
            self._run.clear()
            self._note(now, None)

    def failed(self, now: float, partition: str, *, trying: bool) -> None:
        """A call of this caller's was not answered, or with a 5xx."""
        if trying:
            self._open_for = min(2 * self._open_for, LONGEST)
            self._open(now)
        elif self.closed:
            self._run = [*self._run, partition][-ENOUGH:]
            self._note(now, partition)
            if self._is_outage():
                self._open(now)

    def unknown(self, *, trying: bool) -> None:
        """A call says nothing of the API: it never left us, or was refused with a 429."""
        if trying:
            self._trying = False

    def _note(self, now: float, failed: str | None) -> None:
        self._calls.append((now, failed))
        while self._calls[0][0] <= now - SPAN:
            self._calls.popleft()

    def _is_outage(self) -> bool:
        if len(self._run) >= RUN and len(set(self._run)) >= PAYERS:
            return True
        failed = [who for _, who in self._calls if who is not None]
        many = len(self._calls) >= ENOUGH and len(failed) >= SHARE * len(self._calls)
        return many and len(set(failed)) >= PAYERS

    def _open(self, now: float) -> None:
        self._until = now + self._open_for
        self.closed = self._trying = False

    def _close(self) -> None:
        self._calls.clear()
        self._run.clear()
        self.closed = True
        self._open_for = FIRST
        self._trying = False
