"""Log when webhooks are proven to arrive, and when they no longer are."""

import logging

from gateway.cache.policy.delivery_proof import DeliveryProof

_log = logging.getLogger(__name__)


class ProofLog:
    """The log of one proof, for operators."""

    def __init__(self, proof: DeliveryProof, seconds: float) -> None:
        """Create it; readings are fresh for `seconds` while the proof holds."""
        self._proof = proof
        self._seconds = seconds
        self._held = False

    def note(self, now: float) -> None:
        """Log a change of the proof since the last call."""
        if (now < self._proof.until) is self._held:
            return
        self._held = not self._held
        if self._held:
            _log.warning("webhooks arrive: readings are fresh for %g s", self._seconds)
        else:
            _log.warning("webhooks are not proven to arrive: %s", self._proof.reason)
