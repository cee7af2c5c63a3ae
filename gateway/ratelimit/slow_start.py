"""Slow start after a 429: hold all requests until the stated time, then admit one, then more."""

from gateway.transport.rate_limit_status import LONGEST

UNSTATED = 60.0
"""Seconds to wait after a 429 without a delay; doubled for each one that follows."""
ENOUGH = 10
"""Doublings after which that wait is the longest; without a limit it would be no float some day."""
TRIAL_WAIT = 0.25
"""Seconds until the next check while the admitted requests are in flight."""
FULL = 16
"""Parallel responses after which all requests pass: 1, 2, 4, 8, 16."""


class SlowStart:
    """Decides how many requests the API gets after a 429; methods take the time, in seconds."""

    def __init__(self) -> None:
        self._until = 0.0
        self.open = True
        """Whether all requests pass; False after a 429."""
        self._parallelism = 1
        """Requests that may be in flight while it is not open."""
        self._in_flight = 0
        self._passed = 0
        self._round = 0
        self._unstated = 0

    def wait(self, now: float) -> float:
        """Return the seconds until a request may pass; 0 if one may pass now."""
        if self.open:
            return 0.0
        if now < self._until:
            return self._until - now
        return 0.0 if self._in_flight < self._parallelism else TRIAL_WAIT

    def enter(self) -> int:
        """Admit a request for which `wait` returned 0; return its trial's number, 0 for none."""
        if self.open:
            return 0
        self._in_flight += 1
        return self._round

    def refused(self, now: float, seconds: float | None) -> None:
        """Record a 429 that asks to wait for `seconds`; None if it states no delay."""
        if seconds is None:
            # Several 429s for parallel requests count once: only one after the wait doubles it.
            if self.open or now >= self._until:
                self._unstated += 1
            seconds = min(UNSTATED * 2 ** min(self._unstated - 1, ENOUGH), LONGEST)
        self._until = max(self._until, now + seconds)
        self.open, self._parallelism = False, 1
        self._round += 1
        self._in_flight = self._passed = 0

    def passed(self, trial: int) -> None:
        """Record a response in this trial; when all have arrived, twice as many may follow."""
        if self.open or trial != self._round:
            return
        self._unstated = 0
        self._in_flight -= 1
        self._passed += 1
        if self._passed == self._parallelism:
            self.open = self._parallelism >= FULL
            self._passed, self._parallelism = 0, 2 * self._parallelism

    def unknown(self, trial: int) -> None:
        """Record a request of this trial without a response; another one may be sent."""
        if not self.open and trial == self._round:
            self._in_flight -= 1
