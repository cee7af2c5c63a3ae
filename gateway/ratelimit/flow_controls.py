"""All that may hold a call: the window, 429s, outages, callers' shares and their credentials."""

from __future__ import annotations

import math

from gateway.ratelimit.circuit_breaker import SPAN, CircuitBreaker
from gateway.ratelimit.credentials import CredentialHistory
from gateway.ratelimit.fair_share import FairShare
from gateway.ratelimit.slow_start import SlowStart
from gateway.ratelimit.unknown_credentials import UnknownCredentialLimiter
from gateway.ratelimit.window import RateLimitWindow
from schema.source.request_context import Priority, RateLimitState


class FlowControls:
    """The state that admission reads and that every end of a call changes."""

    def __init__(self, window: RateLimitWindow, credentials: CredentialHistory) -> None:
        self.window = window
        self.credentials = credentials
        self.slow_start = SlowStart()
        self.breaker = CircuitBreaker()
        self.unverified_breaker = CircuitBreaker()
        """The breaker for unverified credentials: their failures prove nothing for others."""
        self.fair_share = FairShare(window)
        self.unknown_credentials = UnknownCredentialLimiter()
        self.well_at = -math.inf
        """When a caller with a proven credential last got a response other than a 5xx."""

    def state(self, now: float) -> RateLimitState:
        """Return the state of the window; after a 429 no calls are left in it."""
        state = self.window.state(now)
        shut = self.slow_start.wait(now)
        if not shut:
            return state
        return RateLimitState(state.limit, 0, max(state.reset_seconds, math.ceil(shut)))

    def refreshable(self, now: float) -> bool:
        """Return True if a background refresh may be sent now."""
        return not (
            self.breaker.wait(now)
            or self.slow_start.wait(now)
            or self.window.wait(Priority.REFRESH, now)
        )

    def is_well(self, now: float) -> bool:
        """Return True if callers with proven credentials get responses."""
        return now < self.well_at + SPAN
