"""Decide whether a request may be sent now: by the window, 429s, outages, shares, credentials."""

import math
from typing import NamedTuple

from gateway.ratelimit.call_context import CallContext
from gateway.ratelimit.circuit_breaker import SPAN, CircuitBreaker
from gateway.ratelimit.credentials import CredentialHistory
from gateway.ratelimit.fair_share import FairShare
from gateway.ratelimit.slow_start import SlowStart
from gateway.ratelimit.unknown_credentials import UnknownCredentialLimiter
from gateway.ratelimit.window import RateLimitWindow
from schema.source.errors import ClientError, RateLimited, Unauthenticated, Unavailable
from schema.source.request_context import Priority, RateLimitState

_WRITE = Priority.WRITE  # looked up once: a lookup takes longer than a comparison


class Permit(NamedTuple):
    """Permission to send one request."""

    context: CallContext
    number: int
    """Its number in the rate limit window."""
    trial: int
    """Its trial in the slow start; 0: none."""
    probing: bool
    """Whether it is the circuit breaker's probe."""
    proving: bool
    """Whether its credential is unverified."""


class AdmissionController:
    """Decides about single requests by the limits, which every end of a call changes.

    Every method takes the time, in monotonic seconds.
    """

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

    def can_send_now(self, context: CallContext, now: float) -> bool:
        """Return True if the request can be sent now without further checks (the common case).

        If False, call `rejection` and `wait` for the reason and the delay.
        """
        return (
            self.slow_start.open
            and self.breaker.closed
            and self.credentials.proven(
                context.credential, now
            )  # implies that it was not rejected since
            and not self.window.wait(context.priority, now)
            and not self._share_wait(context, now)
        )

    def rejection(self, context: CallContext, now: float) -> ClientError | None:
        """Return the error that no waiting avoids; None if there is none."""
        if self.credentials.refused(context.credential, now):
            return Unauthenticated("The API does not accept this credential.")
        unproven = self.unproven(context, now)
        shut = self.breaker.wait(now, context.partition)
        if unproven:
            # It is never the probe, but may be sent when a probe is due.
            shut = 0.0 if self.breaker.due(now) else shut
            shut = max(shut, self.unverified_breaker.wait(now, context.partition))
        if shut:
            return Unavailable(
                "The API does not answer at present; it is tried again shortly.",
                retry_after=math.ceil(shut),
            )
        if not unproven:
            return None
        stranger = self.unknown_credentials.is_unknown(context.credential, now)
        return self.rate_limited_error(context, now) if stranger else None

    def unproven(self, context: CallContext, now: float) -> bool:
        """Return True if the API has not accepted the credential yet."""
        return not self.credentials.proven(context.credential, now)

    def wait(self, context: CallContext, now: float) -> float:
        """Return the seconds until the request may be sent; 0 if it may now, given a slot."""
        if self.can_send_now(context, now):
            return 0.0
        return max(self._common_wait(context, now), self._own_wait(context, now))

    def has_slot(self, context: CallContext, now: float) -> bool:
        """Return True if a slot is free; unverified credentials have few."""
        return not self.unproven(context, now) or self.unknown_credentials.room(
            context.credential, now
        )

    def rank(self, context: CallContext, now: float) -> int | None:
        """Return None if the request may not be sent now, else its rank; 0 comes first."""
        if not self.can_send_now(context, now) and (
            self.wait(context, now)
            or not self.has_slot(context, now)
            or self.rejection(context, now)
        ):
            return None
        return int(
            context.priority is not _WRITE and self.fair_share.has_used_half(context.partition)
        )

    def rate_limited_error(self, context: CallContext, now: float) -> RateLimited:
        """Return the error, with Retry-After, of a request that would wait too long."""
        common, own = self._common_wait(context, now), self._own_wait(context, now)
        seconds = math.ceil(max(common, own, 1.0))
        whose = "The API's request budget is spent"
        if self.unproven(context, now):
            self.unknown_credentials.record_rejection(context.credential, now)
            if own or not self.unknown_credentials.room(context.credential, now):
                whose = "Many credentials that the API has not accepted yet are being tried"
        elif own > common:
            whose = "Your share of the API's request budget is spent"
        return RateLimited(f"{whose}; ask again in {seconds} s.", retry_after=seconds)

    def acquire(self, context: CallContext, now: float) -> Permit:
        """Debit a request that is about to be sent."""
        proving = self.unproven(context, now)
        number = self.window.reserve(now, context.priority)
        if proving:
            self.unknown_credentials.record_attempt(context.credential, now)
        else:
            self.fair_share.spend(context.partition, now, writes=context.priority is _WRITE)
        probing = (self.unverified_breaker if proving else self.breaker).enter()
        return Permit(context, number, self.slow_start.enter(), probing, proving)

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

    def _common_wait(self, context: CallContext, now: float) -> float:
        return max(self.slow_start.wait(now), self.window.wait(context.priority, now))

    def _own_wait(self, context: CallContext, now: float) -> float:
        if self.unproven(context, now):
            return self.unknown_credentials.wait(context.credential, now)
        return self._share_wait(context, now)

    def _share_wait(self, context: CallContext, now: float) -> float:
        if context.priority is _WRITE:
            return self.fair_share.wait_to_write(context.partition, now)
        return self.fair_share.wait(context.partition, now)
