"""Limit how many unverified credentials are tried against the API: random keys are cheap to make.

A success costs nothing, so any number of new callers is admitted; only failures count. After 12
failures in 15 minutes unverified credentials are tried one at a time, 2 s after the last failure.
After 25 they are rejected with Retry-After. A rejected credential that returns after that delay
gets a separate slot, 10 s after the last failure in it: real clients come back, random keys do not.
"""

import math
from collections import deque
from dataclasses import dataclass

FAILURES, SPAN = 25, 900.0
"""Failures, within so many seconds, after which unverified credentials are rejected."""
UNTHROTTLED = 12
"""Failures up to which all credentials are tried at once."""
RETURN_AFTER = 1.0
"""Seconds after which a rejected credential may return."""
MOST = 20_000
"""Rejected credentials remembered; above this the oldest is forgotten."""


@dataclass(slots=True)
class _Tier:
    """The state of one slot: the pause after a failure, and the attempts in flight."""

    pause: float
    """Seconds from a failure to the next attempt."""
    few: int
    """Parallel attempts after a failure; each success allows one more."""
    many: int
    parallelism: int = 1
    failed_at: float = -math.inf
    in_flight: int = 0

    def wait(self, now: float) -> float:
        return max(0.0, self.failed_at + self.pause - now)

    def succeeded(self) -> None:
        self.parallelism = min(self.parallelism + 1, self.many)

    def failed(self, now: float) -> None:
        self.parallelism, self.failed_at = self.few, now


class UnknownCredentialLimiter:
    """Decides which unverified credential may be tried; methods take the time, in seconds."""

    def __init__(self) -> None:
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._unthrottled = _Tier(pause=0.0, few=4, many=16, parallelism=4)
        self._throttled = _Tier(pause=2.0, few=1, many=4)
        self._returning = _Tier(pause=10.0, few=1, many=4)
        self._attempts: dict[str, _Tier] = {}
        self._rejected_at: dict[str, float] = {}

    def wait(self, credential: str, now: float) -> float:
        """Return the seconds until `credential` may be tried, if only time prevents it."""
        if self.is_unknown(credential, now):
            return max(RETURN_AFTER, self._returning.wait(now))
        return self._tier(credential, now).wait(now)

    def is_unknown(self, credential: str, now: float) -> bool:
        """Return True if it must be rejected once and return before it is tried."""
        return self._failed(now) == FAILURES and not self._is_back(credential, now)

    def room(self, credential: str, now: float) -> bool:
        """Return True if a slot is free; one credential is tried once at a time."""
        tier = self._tier(credential, now)
        left = FAILURES - self._failed(now) or tier.many
        return credential not in self._attempts and tier.in_flight < min(tier.parallelism, left)

    def record_rejection(self, credential: str, now: float) -> None:
        """Record that the credential was rejected with Retry-After."""
        self._rejected_at.setdefault(credential, now)
        if len(self._rejected_at) > MOST:
            del self._rejected_at[next(iter(self._rejected_at))]

    def record_attempt(self, credential: str, now: float) -> None:
        """Record that the credential is being tried."""
        tier = self._attempts[credential] = self._tier(credential, now)
        tier.in_flight += 1

    def succeeded(self, credential: str) -> None:
        """Record that the API accepted the credential."""
        if tier := self._end(credential):
            tier.succeeded()
        self._rejected_at.pop(credential, None)

    def failed(self, credential: str, now: float) -> None:
        """Record that the API did not accept the credential."""
        if tier := self._end(credential):
            tier.failed(now)
        if tier is self._unthrottled:
            self._throttled.failed(now)
        self._failures.append(now)
        self._rejected_at.pop(credential, None)

    def unknown(self, credential: str) -> None:
        """Record an attempt without evidence: no response, a 5xx or a 429."""
        self._end(credential)

    def _end(self, credential: str) -> _Tier | None:
        tier = self._attempts.pop(credential, None)
        if tier is not None:
            tier.in_flight -= 1
        return tier

    def _tier(self, credential: str, now: float) -> _Tier:
        if self._failed(now) < UNTHROTTLED:
            return self._unthrottled
        return self._returning if self._is_back(credential, now) else self._throttled

    def _is_back(self, credential: str, now: float) -> bool:
        return now >= self._rejected_at.get(credential, now) + RETURN_AFTER

    def _failed(self, now: float) -> int:
        while self._failures and self._failures[0] <= now - SPAN:
            self._failures.popleft()
        return len(self._failures)
