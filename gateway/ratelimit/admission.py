"""Decide whether a request may be sent now, from all limits together."""

from __future__ import annotations

import math
from typing import NamedTuple

from gateway.ratelimit.call_context import CallContext
from gateway.ratelimit.flow_controls import FlowControls
from schema.source.errors import ClientError, RateLimited, Unauthenticated, Unavailable
from schema.source.request_context import Priority

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
    """Decides about single requests: pure arithmetic over `FlowControls`.

    Every method takes the time, in monotonic seconds.
    """

    def __init__(self, controls: FlowControls) -> None:
        self._controls = controls

    def can_send_now(self, context: CallContext, now: float) -> bool:
        """Return True if the request can be sent now without further checks (the common case).

        If False, call `rejection` and `wait` for the reason and the delay.
        """
        return (
            self._controls.slow_start.open
            and self._controls.breaker.closed
            and self._controls.credentials.proven(
                context.credential, now
            )  # implies that it was not rejected since
            and not self._controls.window.wait(context.priority, now)
            and not self._share_wait(context, now)
        )

    def rejection(self, context: CallContext, now: float) -> ClientError | None:
        """Return the error that no waiting avoids; None if there is none."""
        if self._controls.credentials.refused(context.credential, now):
            return Unauthenticated("The API does not accept this credential.")
        unproven = self.unproven(context, now)
        shut = self._controls.breaker.wait(now, context.partition)
        if unproven:
            # It is never the probe, but may be sent when a probe is due.
            shut = 0.0 if self._controls.breaker.due(now) else shut
            shut = max(shut, self._controls.unverified_breaker.wait(now, context.partition))
        if shut:
            return Unavailable(
                "The API does not answer at present; it is tried again shortly.",
                retry_after=math.ceil(shut),
            )
        if not unproven:
            return None
        stranger = self._controls.unknown_credentials.is_unknown(context.credential, now)
        return self.rate_limited_error(context, now) if stranger else None

    def unproven(self, context: CallContext, now: float) -> bool:
        """Return True if the API has not accepted the credential yet."""
        return not self._controls.credentials.proven(context.credential, now)

    def wait(self, context: CallContext, now: float) -> float:
        """Return the seconds until the request may be sent; 0 if it may now, given a slot."""
        if self.can_send_now(context, now):
            return 0.0
        return max(self._common_wait(context, now), self._own_wait(context, now))

    def has_slot(self, context: CallContext, now: float) -> bool:
        """Return True if a slot is free; unverified credentials have few."""
        return not self.unproven(context, now) or self._controls.unknown_credentials.room(
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
            context.priority is not _WRITE
            and self._controls.fair_share.has_used_half(context.partition)
        )

    def rate_limited_error(self, context: CallContext, now: float) -> RateLimited:
        """Return the error, with Retry-After, of a request that would wait too long."""
        common, own = self._common_wait(context, now), self._own_wait(context, now)
        seconds = math.ceil(max(common, own, 1.0))
        whose = "The API's request budget is spent"
        if self.unproven(context, now):
            self._controls.unknown_credentials.record_rejection(context.credential, now)
            if own or not self._controls.unknown_credentials.room(context.credential, now):
                whose = "Many credentials that the API has not accepted yet are being tried"
        elif own > common:
            whose = "Your share of the API's request budget is spent"
        return RateLimited(f"{whose}; ask again in {seconds} s.", retry_after=seconds)

    def acquire(self, context: CallContext, now: float) -> Permit:
        """Debit a request that is about to be sent."""
        proving = self.unproven(context, now)
        number = self._controls.window.reserve(now, context.priority)
        if proving:
            self._controls.unknown_credentials.record_attempt(context.credential, now)
        else:
            self._controls.fair_share.spend(
                context.partition, now, writes=context.priority is _WRITE
            )
        probing = (self._controls.unverified_breaker if proving else self._controls.breaker).enter()
        return Permit(context, number, self._controls.slow_start.enter(), probing, proving)

    def _common_wait(self, context: CallContext, now: float) -> float:
        return max(
            self._controls.slow_start.wait(now), self._controls.window.wait(context.priority, now)
        )

    def _own_wait(self, context: CallContext, now: float) -> float:
        if self.unproven(context, now):
            return self._controls.unknown_credentials.wait(context.credential, now)
        return self._share_wait(context, now)

    def _share_wait(self, context: CallContext, now: float) -> float:
        if context.priority is _WRITE:
            return self._controls.fair_share.wait_to_write(context.partition, now)
        return self._controls.fair_share.wait(context.partition, now)
