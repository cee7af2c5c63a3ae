"""The credentials that the API has recently accepted, or rejected."""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

DAY = 86_400.0
"""Seconds for which one success proves a credential."""
HOUR = 3_600.0
"""Seconds between two writes of the same success to the persistent store."""
SECOND = 1.0
"""Seconds within which a second success is not recorded."""
CLAIMS_SECONDS = 300.0
"""Seconds after a success for which a token's claims are trusted: as long as data is cached."""
MINUTE = 60.0
"""Seconds for which a 401 is remembered and not verified by a call."""
MOST = 100_000
"""Proven credentials remembered; above this the least recently used is forgotten."""
MOST_REFUSED = 20_000
"""Rejected credentials remembered; above this the oldest is forgotten."""


class CredentialStore(Protocol):
    """A persistent store of proven credentials, by keyed hashes only."""

    def load(self) -> Mapping[str, float]:
        """Return those proven within 24 hours, with the seconds since then."""

    def remember(self, credential: str) -> None:
        """Record that the API accepted the credential now."""

    def forget(self, credential: str) -> None:
        """Record that the API rejected the credential now."""


class CredentialHistory:
    """The API's last verdict on each credential; every method takes the time, in seconds."""

    def __init__(self, store: CredentialStore | None = None, *, now: float = 0.0) -> None:
        self.when_rejected: Callable[[str], None] = lambda _: None
        """Called when the API answers 401 to a credential."""
        self._store = store
        self.trusted: frozenset[str] = frozenset()
        """Credentials from the settings: proven without a success, unless just rejected."""
        self._proven: dict[str, float] = {}
        self._stored_at: dict[str, float] = {}
        self._refused: dict[str, float] = {}
        if store is not None:
            self._stored_at = {credential: now - age for credential, age in store.load().items()}
            self._proven = dict(sorted(self._stored_at.items(), key=lambda each: each[1]))

    def proven(self, credential: str, now: float) -> bool:
        """Return True if the API accepted it within 24 hours."""
        at = self._proven.get(credential)
        if at is None:
            return credential in self.trusted and not self.refused(credential, now)
        return now < at + DAY

    def vouched(self, credential: str, now: float) -> bool:
        """Return True if the API accepted it recently enough to trust its claims."""
        return now < self._proven.get(credential, -math.inf) + CLAIMS_SECONDS

    def noted(self, credential: str, now: float) -> bool:
        """Return True if a success was recorded within the last second."""
        return now < self._proven.get(credential, -math.inf) + SECOND

    def refused(self, credential: str, now: float) -> bool:
        """Return True if the API answered 401 within the last minute."""
        return now < self._refused.get(credential, -math.inf) + MINUTE

    def accepted(self, credential: str, now: float) -> None:
        """Record a success."""
        self._refused.pop(credential, None)
        proven = self._proven.get(credential)
        if proven is None or now >= proven + SECOND:
            self._proven.pop(credential, None)  # moves it to the end
            self._proven[credential] = now
        if len(self._proven) > MOST:
            oldest = next(iter(self._proven))
            del self._proven[oldest]
            self._stored_at.pop(oldest, None)
        if self._store is not None:
            stored_at = self._stored_at.get(credential)
            if stored_at is None or now - stored_at >= HOUR:
                self._stored_at[credential] = now
                self._store.remember(credential)

    def rejected(self, credential: str, now: float) -> None:
        """Record a 401; a revoked key is no longer proven."""
        self._refused.pop(credential, None)
        self._refused[credential] = now
        if len(self._refused) > MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        if self._proven.pop(credential, None) is not None and self._store is not None:
            self._stored_at.pop(credential, None)
            self._store.forget(credential)
        self.when_rejected(credential)
