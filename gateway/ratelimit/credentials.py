"""Which credentials the API has accepted of late, and which it has just refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DAY = 86_400.0
"""Seconds for which one success proves a credential."""
HOUR = 3_600.0
"""Seconds between two notes of the same success in what outlives the process."""
SECOND = 1.0
"""Within which a second success is no news."""
JOINED = 300.0
"""Seconds for which a success vouches for what a token claims: as long as anything read is kept."""
MINUTE = 60.0
"""Seconds for which a 401 is believed without asking again."""
MOST = 100_000
"""Credentials remembered as proven; beyond them the longest unused are forgotten."""
MOST_REFUSED = 20_000
"""Credentials remembered as refused; beyond them the oldest are forgotten."""


class CredentialStore(Protocol):
    """Where proven credentials outlive the process. They are known by keyed hashes only."""

    def load(self) -> Mapping[str, float]:
        """Those proven within the last 24 hours, with the seconds since then."""

    def remember(self, credential: str) -> None:
        """It was accepted just now."""

    def forget(self, credential: str) -> None:
        """It was refused just now."""


class CredentialHistory:
    """What the API last said of each credential. Every method is told the time, in seconds."""

    def __init__(self, kept: CredentialStore | None = None, *, now: float = 0.0) -> None:
        self.when_rejected: Callable[[str], None] = lambda _: None
        """What is to be done as soon as the API answers 401 to a credential."""
        self._kept = kept
        self.trusted: frozenset[str] = frozenset()
        """Those the operator set: known without proof, unless the API has just refused them."""
        self._proven: dict[str, float] = {}
        self._noted: dict[str, float] = {}
        self._refused: dict[str, float] = {}
        if kept is not None:
            self._noted = {credential: now - age for credential, age in kept.load().items()}
            self._proven = dict(sorted(self._noted.items(), key=lambda each: each[1]))

    def proven(self, credential: str, now: float) -> bool:
        """Whether the API accepted it within 24 hours."""
        at = self._proven.get(credential)
        if at is None:
            return credential in self.trusted and not self.refused(credential, now)
        return now < at + DAY

    def vouched(self, credential: str, now: float) -> bool:
        """Whether the API accepted it so lately that what it claims is believed."""
        at = self._proven.get(credential)
        return at is not None and now < at + JOINED

    def noted(self, credential: str, now: float) -> bool:
        """Whether it was accepted so shortly before that one more success is no news."""
        at = self._proven.get(credential)
        return at is not None and now < at + SECOND

    def refused(self, credential: str, now: float) -> bool:
        """Whether the API said 401 to it within the last minute."""
        at = self._refused.get(credential)
        return at is not None and now < at + MINUTE

    def accepted(self, credential: str, now: float) -> None:
        """The API answered it with a success."""
        self._refused.pop(credential, None)
        proven = self._proven.get(credential)
        if proven is None or now >= proven + SECOND:
            self._proven.pop(credential, None)  # so that it stands last
            self._proven[credential] = now
        if len(self._proven) > MOST:
            oldest = next(iter(self._proven))
            del self._proven[oldest]
            self._noted.pop(oldest, None)
        if self._kept is not None:
            noted = self._noted.get(credential)
            if noted is None or now - noted >= HOUR:
                self._noted[credential] = now
                self._kept.remember(credential)

    def rejected(self, credential: str, now: float) -> None:
        """The API said 401 to it: a key that was revoked is proven no more."""
        self._refused.pop(credential, None)
        self._refused[credential] = now
        if len(self._refused) > MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        if self._proven.pop(credential, None) is not None and self._kept is not None:
            self._noted.pop(credential, None)
            self._kept.forget(credential)
        self.when_rejected(credential)
