"""Shut by a 429 for everybody, until the time it states; then one request tries it."""

from __future__ import annotations

from gateway.upstream.retry_after import LONGEST

UNSTATED = 60.0
"""Seconds to stay away after a 429 that does not say; doubled for each one that follows."""
TRYING = 0.25
"""Seconds after which to look again while the one request tries the gate."""


class Gate:
    """Whether the API would listen at all. Every method is told the time, in seconds."""

    def __init__(self) -> None:
        self._shut = False
        self._until = 0.0
        self._trying = False
        self._unstated = 0

    def wait(self, now: float) -> float:
        """Seconds until a request may pass; 0 when one may pass now."""
        if not self._shut:
            return 0.0
        if now < self._until:
            return self._until - now
        return TRYING if self._trying else 0.0

    def enter(self) -> bool:
        """Let a request pass after `wait` said 0. True: it is the one that tries the gate."""
        self._trying = self._shut
        return self._shut

    def refused(self, now: float, seconds: float | None) -> None:
        """A 429 came back, asking to stay away for `seconds`, or not saying how long."""
        if seconds is None:
            # Answers to a volley say nothing new: only a refusal after the wait doubles it.
            if not self._shut or now >= self._until:
                self._unstated += 1
            seconds = min(UNSTATED * 2 ** (self._unstated - 1), LONGEST)
        self._until = max(self._until, now + seconds)
        self._shut = True
        self._trying = False

    def passed(self) -> None:
        """The request that tried the gate was answered: it stands open."""
        self._shut = self._trying = False
        self._unstated = 0

    def unknown(self) -> None:
        """The request that tried the gate got no answer: another one may try."""
        self._trying = False
