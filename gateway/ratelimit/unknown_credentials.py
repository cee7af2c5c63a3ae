"""How many credentials that nobody knows yet are tried on the API: random keys are cheap to make.

A success costs nothing, so that any number of new callers gets in. Only failures are counted.
After a dozen in a window strangers are tried one after the other, two seconds after the last
failure; after 25 they are sent away. One that was sent away and comes back, as a client does that
waits for its `Retry-After`, and as a flood of ever new keys does not, is tried beside them, ten
seconds after the last of its kind that failed.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

FAILURES, SPAN = 25, 900.0
"""Failed tries, in so many seconds, after which strangers are not tried."""
UNTHROTTLED = 12
"""Failed tries up to which everybody is tried at once."""
AGAIN = 1.0
"""Seconds after which one that was sent away may come back."""
MOST = 20_000
"""Credentials remembered as sent away; beyond them the oldest are forgotten."""


@dataclass(slots=True)
class _Tier:
    """One kind of tries: how soon after a failure, and how many are on their way together."""

    pause: float
    """Seconds from a failure to the next try."""
    few: int
    """So many together after a failure; each success lets one more."""
    many: int
    abreast: int = 1
    failed_at: float = -math.inf
    out: int = 0

    def wait(self, now: float) -> float:
        return max(0.0, self.failed_at + self.pause - now)

    def succeeded(self) -> None:
        self.abreast = min(self.abreast + 1, self.many)

    def failed(self, now: float) -> None:
        self.abreast, self.failed_at = self.few, now


class UnknownCredentialLimiter:
    """Which unproven credential may be tried now. Every method is told the time, in seconds."""

    def __init__(self) -> None:
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._freely = _Tier(pause=0.0, few=4, many=16, abreast=4)
        self._strangers = _Tier(pause=2.0, few=1, many=4)
        self._returning = _Tier(pause=10.0, few=1, many=4)
        self._trying: dict[str, _Tier] = {}
        self._sent_away: dict[str, float] = {}

    def wait(self, credential: str, now: float) -> float:
        """Seconds until `credential` may be tried, as far as that is a question of time."""
        if self.is_unknown(credential, now):
            return max(AGAIN, self._returning.wait(now))
        return self._kind(credential, now).wait(now)

    def is_unknown(self, credential: str, now: float) -> bool:
        """Whether it is not to be tried before it has been sent away and has come back."""
        return self._failed(now) == FAILURES and not self._is_back(credential, now)

    def room(self, credential: str, now: float) -> bool:
        """Whether there is a place for it among those on their way, each of them once."""
        kind = self._kind(credential, now)
        left = FAILURES - self._failed(now) or kind.many
        return credential not in self._trying and kind.out < min(kind.abreast, left)

    def record_rejection(self, credential: str, now: float) -> None:
        """It was told to come back."""
        self._sent_away.setdefault(credential, now)
        if len(self._sent_away) > MOST:
            del self._sent_away[next(iter(self._sent_away))]

    def record_attempt(self, credential: str, now: float) -> None:
        """It is on its way."""
        kind = self._trying[credential] = self._kind(credential, now)
        kind.out += 1

    def succeeded(self, credential: str) -> None:
        """The API accepted it."""
        if kind := self._ended(credential):
            kind.succeeded()
        self._sent_away.pop(credential, None)

    def failed(self, credential: str, now: float) -> None:
        """The API did not accept it."""
        if kind := self._ended(credential):
            kind.failed(now)
        if kind is self._freely:
            self._strangers.failed(now)
        self._failures.append(now)
        self._sent_away.pop(credential, None)

    def unknown(self, credential: str) -> None:
        """The API said nothing of it: no answer, a 5xx, a 429."""
        self._ended(credential)

    def _ended(self, credential: str) -> _Tier | None:
        kind = self._trying.pop(credential, None)
        if kind is not None:
            kind.out -= 1
        return kind

    def _kind(self, credential: str, now: float) -> _Tier:
        if self._failed(now) < UNTHROTTLED:
            return self._freely
        return self._returning if self._is_back(credential, now) else self._strangers

    def _is_back(self, credential: str, now: float) -> bool:
        return now >= self._sent_away.get(credential, now) + AGAIN

    def _failed(self, now: float) -> int:
        while self._failures and self._failures[0] <= now - SPAN:
            self._failures.popleft()
        return len(self._failures)
