"""Shut by a 429 for everybody, until the time it states; then one request tries it, then more."""

from __future__ import annotations

from gateway.upstream.retry_after import LONGEST

UNSTATED = 60.0
"""Seconds to stay away after a 429 that does not say; doubled for each one that follows."""
TRYING = 0.25
"""Seconds after which to look again while those who try the gate are on their way."""
FULL = 16
"""So many abreast answered, and the gate stands open: one, two, four, eight, sixteen."""


class Gate:
    """Whether the API would listen at all. Every method is told the time, in seconds."""

    def __init__(self) -> None:
        self._until = 0.0
        self._abreast: int | None = None
        """How many may be on their way at once; None while the gate stands open."""
        self._out = 0
        self._passed = 0
        self._trial = 0
        self._unstated = 0

    def wait(self, now: float) -> float:
        """Seconds until a request may pass; 0 when one may pass now."""
        if self._abreast is None:
            return 0.0
        if now < self._until:
            return self._until - now
        return 0.0 if self._out < self._abreast else TRYING

    def enter(self) -> int:
        """Let a request pass after `wait` said 0. It tries the gate in the trial told; 0: none."""
        if self._abreast is None:
            return 0
        self._out += 1
        return self._trial

    def refused(self, now: float, seconds: float | None) -> None:
        """A 429 came back, asking to stay away for `seconds`, or not saying how long."""
        if seconds is None:
            # Answers to a volley say nothing new: only a refusal after the wait doubles it.
            if self._abreast is None or now >= self._until:
                self._unstated += 1
            seconds = min(UNSTATED * 2 ** (self._unstated - 1), LONGEST)
        self._until = max(self._until, now + seconds)
        self._abreast = 1
        self._trial += 1
        self._out = self._passed = 0

    def passed(self, trial: int) -> None:
        """A request of this trial was answered: twice as many may follow once all were."""
        if self._abreast is None or trial != self._trial:
            return
        self._unstated = 0
        self._out -= 1
        self._passed += 1
        if self._passed == self._abreast:
            self._passed = 0
            self._abreast = 2 * self._abreast if self._abreast < FULL else None

    def unknown(self, trial: int) -> None:
        """A request of this trial got no answer: another one may try."""
        if self._abreast is not None and trial == self._trial:
            self._out -= 1
