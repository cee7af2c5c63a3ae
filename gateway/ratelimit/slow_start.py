"""Shut by a 429 for everybody, until the time it states; then one request tries it, then more."""

from __future__ import annotations

from gateway.transport.rate_limit_headers import LONGEST

UNSTATED = 60.0
"""Seconds to stay away after a 429 that does not say; doubled for each one that follows."""
TRYING = 0.25
"""Seconds after which to look again while those who try the gate are on their way."""
FULL = 16
"""So many abreast answered, and the gate stands open: one, two, four, eight, sixteen."""


class SlowStart:
    """Whether the API would listen at all. Every method is told the time, in seconds."""

    def __init__(self) -> None:
        self._until = 0.0
        self.open = True
        """Whether it lets everybody pass, as it does unless a 429 shut it."""
        self._parallelism = 1
        """How many may be on their way at once while it does not."""
        self._out = 0
        self._passed = 0
        self._round = 0
        self._unstated = 0

    def wait(self, now: float) -> float:
        """Seconds until a request may pass; 0 when one may pass now."""
        if self.open:
            return 0.0
        if now < self._until:
            return self._until - now
        return 0.0 if self._out < self._parallelism else TRYING

    def enter(self) -> int:
        """Let a request pass after `wait` said 0. It tries the gate in the trial told; 0: none."""
        if self.open:
            return 0
        self._out += 1
        return self._round

    def refused(self, now: float, seconds: float | None) -> None:
        """A 429 came back, asking to stay away for `seconds`, or not saying how long."""
        if seconds is None:
            # Answers to a volley say nothing new: only a refusal after the wait doubles it.
            if self.open or now >= self._until:
                self._unstated += 1
            seconds = min(UNSTATED * 2 ** (self._unstated - 1), LONGEST)
        self._until = max(self._until, now + seconds)
        self.open, self._parallelism = False, 1
        self._round += 1
        self._out = self._passed = 0

    def passed(self, trial: int) -> None:
        """A request of this trial was answered: twice as many may follow once all were."""
        if self.open or trial != self._round:
            return
        self._unstated = 0
        self._out -= 1
        self._passed += 1
        if self._passed == self._parallelism:
            self.open = self._parallelism >= FULL
            self._passed, self._parallelism = 0, 2 * self._parallelism

    def unknown(self, trial: int) -> None:
        """A request of this trial got no answer: another one may try."""
        if not self.open and trial == self._round:
            self._out -= 1
