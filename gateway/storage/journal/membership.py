"""Whether this gateway may trust what it holds; every method takes the time, in seconds.

How long it may trust is counted by a clock that is never slow, and how long others may write by one
that is never fast: a step of the wall clock ends the trust early, and the doubt never.
"""

import math

TRUST_SECONDS = 1.0
"""Seconds after a heartbeat for which a gateway knows all that the others have answered."""
MEMBER_SECONDS = 1.25
"""Seconds after its last heartbeat for which the others wait for a gateway; longer than that."""
SUSPECT_SECONDS = 75.0
"""Seconds after which a gateway that is lost, and may be cut off, has no lease to write by."""


class Membership:
    """What is known of the others: nothing, if this gateway or one of the others is cut off."""

    def __init__(self) -> None:
        self._trusted_until = -math.inf
        self._suspected: dict[str, float] = {}
        """Lost gateways, and until when they may write what the others do not learn."""

    def in_doubt(self, now: float) -> bool:
        """Return True if another gateway may have answered what this one does not know."""
        return now >= self._trusted_until or bool(self._suspected)

    def trust(self, begun: float) -> None:
        """Note that all was applied that the server had at a heartbeat that began then."""
        self._trusted_until = max(self._trusted_until, begun + TRUST_SECONDS)

    def distrust(self) -> None:
        """Note that entries of the journal were missed."""
        self._trusted_until = -math.inf

    def lost(self, member: str, now: float) -> None:
        """Note that a gateway ended without a word, or is cut off."""
        self._suspected[member] = now + SUSPECT_SECONDS

    def settled(self, member: str) -> None:
        """Note that a gateway is there, and has sent what the others did not know; or has ended."""
        self._suspected.pop(member, None)

    def pass_time(self, now: float) -> bool:
        """Forget gateways that are gone for good; return True if there were any."""
        gone = [each for each, until in self._suspected.items() if now >= until]
        for each in gone:
            del self._suspected[each]
        return bool(gone)
