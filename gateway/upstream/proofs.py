"""How many credentials that nobody knows yet are tried on the API: random keys are cheap to make.

A success costs nothing, so that any number of new callers gets in. Only failures are counted:
after 25 in a window one try every 10 seconds is left, and that one is for a credential that
came back after it was sent away, as a client does that waits for its `Retry-After`, and as a
flood of ever new keys does not.
"""

from __future__ import annotations

from collections import deque

FAILURES, SPAN = 25, 900.0
"""Failed tries, in so many seconds, after which tries are rationed."""
EVERY = 10.0
"""Seconds from one failed try to the next when they are rationed."""
FEW, MANY = 4, 16
"""Tries on their way together after a failure, and after many successes; of rationed ones, one
and few."""
AGAIN = 1.0
"""Seconds after which one that was sent away may come back."""
MOST = 20_000
"""Credentials remembered as sent away; beyond them the oldest are forgotten."""


class Proofs:
    """Which unproven credential may be tried now. Every method is told the time, in seconds."""

    def __init__(self) -> None:
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._trying: set[str] = set()
        self._abreast = FEW
        self._sent_away: dict[str, float] = {}

    def wait(self, credential: str, now: float) -> float:
        """Seconds until `credential` may be tried, as far as that is a question of time."""
        if not self._rationed(now):
            return 0.0
        first = self._sent_away.get(credential, now)
        return max(0.0, self._failures[-1] + EVERY - now, first + AGAIN - now)

    def stranger(self, credential: str, now: float) -> bool:
        """Whether it is not to be tried before it has been sent away and has come back."""
        return self._rationed(now) and now < self._sent_away.get(credential, now) + AGAIN

    def room(self, credential: str) -> bool:
        """Whether there is a place for it among those on their way: one try each, and few."""
        left = FAILURES - len(self._failures) or FEW
        return credential not in self._trying and len(self._trying) < min(self._abreast, left)

    def sent_away(self, credential: str, now: float) -> None:
        """It was told to come back."""
        self._sent_away.setdefault(credential, now)
        if len(self._sent_away) > MOST:
            del self._sent_away[next(iter(self._sent_away))]

    def tried(self, credential: str) -> None:
        """It is on its way."""
        self._trying.add(credential)

    def succeeded(self, credential: str) -> None:
        """The API accepted it."""
        self._ended(credential)
        self._abreast = min(self._abreast + 1, MANY)

    def failed(self, credential: str, now: float) -> None:
        """The API did not accept it."""
        self._ended(credential)
        self._failures.append(now)
        self._abreast = 1 if self._rationed(now) else FEW

    def unknown(self, credential: str) -> None:
        """The API said nothing of it: no answer, a 5xx, a 429."""
        self._trying.discard(credential)

    def _ended(self, credential: str) -> None:
        self._trying.discard(credential)
        self._sent_away.pop(credential, None)

    def _rationed(self, now: float) -> bool:
        while self._failures and self._failures[0] <= now - SPAN:
            self._failures.popleft()
        return len(self._failures) == FAILURES
