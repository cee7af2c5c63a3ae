"""Decide whether a request may be sent now, from all limits together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import httpx

from gateway.ratelimit.circuit_breaker import SPAN, CircuitBreaker, FailedCall
from gateway.ratelimit.credentials import CredentialHistory
from gateway.ratelimit.fair_share import FairShare
from gateway.ratelimit.slow_start import SlowStart
from gateway.ratelimit.unknown_credentials import UnknownCredentialLimiter
from gateway.transport.errors import InvalidRequest, was_never_sent
from gateway.transport.rate_limit_headers import (
    limited,
    parse_rate_limit,
    retry_after,
    retry_delay_of_429,
)
from schema.source.errors import RateLimited, Unauthenticated, Unavailable
from schema.source.request_context import Priority, RateLimitState

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.call_context import CallContext
    from gateway.ratelimit.window import RateLimitWindow
    from schema.source.errors import ClientError

UNAUTHORIZED, REFUSED, RESTING = 401, 429, 503
POINTLESS = frozenset({401, 403, 404, 410})
"""Statuses of writes that did nothing for their caller."""
_WRITE = Priority.WRITE  # looked up once: a lookup takes longer than a comparison


def is_success(response: httpx.Response) -> bool:
    """Return whether the status is 2xx (RFC 9110, 15.3)."""
    return response.is_success


def is_unauthorized(response: httpx.Response) -> bool:
    """Return whether the status is 401 (RFC 9110, 15.5.2)."""
    return response.status_code == UNAUTHORIZED


class Permit(NamedTuple):
    """Permission to send one request."""

    terms: CallContext
    number: int
    """Its number in the rate limit window."""
    trial: int
    """Its trial in the slow start; 0: none."""
    probing: bool
    """Whether it is the circuit breaker's probe."""
    proving: bool
    """Whether its credential is unverified."""


class AdmissionController:
    """The rate limit window, 429s, outages, callers' shares and the state of credentials.

    Pure arithmetic: every method takes the time, in monotonic seconds.
    """

    def __init__(
        self,
        ledger: RateLimitWindow,
        standing: CredentialHistory | None = None,
        *,
        accepts: Callable[[httpx.Response], bool] = is_success,
        refuses: Callable[[httpx.Response], bool] = is_unauthorized,
    ) -> None:
        """Set `accepts` and `refuses`: whether the API itself wrote the response.

        `accepts` is called with responses with a 2xx status, `refuses` with those with a 401. The
        defaults check the status alone, which any intermediary can send.
        """
        self._accepts, self._refuses = accepts, refuses
        self.credentials = standing or CredentialHistory()
        self._window = ledger
        self._slow_start = SlowStart()
        self._breaker = CircuitBreaker()
        self._strangers = CircuitBreaker()
        """A breaker for unverified credentials, whose failures prove nothing for other callers."""
        self._well_at = -math.inf
        """When a caller with a proven credential last got a response other than a 5xx."""
        self._fair_share = FairShare(ledger)
        self._unknown_credentials = UnknownCredentialLimiter()

    def state(self, now: float) -> RateLimitState:
        """Return the state of the window; after a 429 no calls are left in it."""
        state = self._window.state(now)
        shut = self._slow_start.wait(now)
        if not shut:
            return state
        return RateLimitState(state.limit, 0, max(state.reset_seconds, math.ceil(shut)))

    def refreshable(self, now: float) -> bool:
        """Return True if a background refresh may be sent now."""
        return not (
            self._breaker.wait(now)
            or self._slow_start.wait(now)
            or self._window.wait(Priority.REFRESH, now)
        )

    def shut(self, now: float) -> float:
        """Return the seconds until the circuit breaker's next probe; 0 if it is closed."""
        return self._breaker.wait(now)

    def can_send_now(self, terms: CallContext, now: float) -> bool:
        """Return True if the request can be sent now without further checks (the common case).

        If False, call `rejection` and `wait` for the reason and the delay.
        """
        return (
            self._slow_start.open
            and self._breaker.closed
            and self.credentials.proven(
                terms.credential, now
            )  # implies that it was not rejected since
            and not self._window.wait(terms.priority, now)
            and not self._share_wait(terms, now)
        )

    def rejection(self, terms: CallContext, now: float) -> ClientError | None:
        """Return the error that no waiting avoids; None if there is none."""
        if self.credentials.refused(terms.credential, now):
            return Unauthenticated("The API does not accept this credential.")
        unproven = self.unproven(terms, now)
        shut = self._breaker.wait(now, terms.partition)
        if unproven:
            # It is never the probe, but may be sent when a probe is due.
            shut = 0.0 if self._breaker.due(now) else shut
            shut = max(shut, self._strangers.wait(now, terms.partition))
        if shut:
            return Unavailable(
                "The API does not answer at present; it is tried again shortly.",
                retry_after=math.ceil(shut),
            )
        if not unproven:
            return None
        stranger = self._unknown_credentials.is_unknown(terms.credential, now)
        return self.rate_limited_error(terms, now) if stranger else None

    def unproven(self, terms: CallContext, now: float) -> bool:
        """Return True if the API has not accepted the credential yet."""
        return not self.credentials.proven(terms.credential, now)

    def wait(self, terms: CallContext, now: float) -> float:
        """Return the seconds until the request may be sent; 0 if it may now, given a slot."""
        if self.can_send_now(terms, now):
            return 0.0
        return max(self._common_wait(terms, now), self._own_wait(terms, now))

    def has_slot(self, terms: CallContext, now: float) -> bool:
        """Return True if a slot is free; unverified credentials have few."""
        return not self.unproven(terms, now) or self._unknown_credentials.room(
            terms.credential, now
        )

    def rank(self, terms: CallContext, now: float) -> int | None:
        """Return None if the request may not be sent now, else its rank; 0 comes first."""
        if not self.can_send_now(terms, now) and (
            self.wait(terms, now) or not self.has_slot(terms, now) or self.rejection(terms, now)
        ):
            return None
        return int(terms.priority is not _WRITE and self._fair_share.has_used_half(terms.partition))

    def rate_limited_error(self, terms: CallContext, now: float) -> RateLimited:
        """Return the error, with Retry-After, of a request that would wait too long."""
        common, own = self._common_wait(terms, now), self._own_wait(terms, now)
        seconds = math.ceil(max(common, own, 1.0))
        whose = "The API's request budget is spent"
        if self.unproven(terms, now):
            self._unknown_credentials.record_rejection(terms.credential, now)
            if own or not self._unknown_credentials.room(terms.credential, now):
                whose = "Many credentials that nobody knows yet are being tried"
        elif own > common:
            whose = "Your share of the API's request budget is spent"
        return RateLimited(f"{whose}; ask again in {seconds} s.", retry_after=seconds)

    def acquire(self, terms: CallContext, now: float) -> Permit:
        """Debit a request that is about to be sent."""
        proving = self.unproven(terms, now)
        number = self._window.reserve(now, terms.priority)
        if proving:
            self._unknown_credentials.record_attempt(terms.credential, now)
        else:
            self._fair_share.spend(terms.partition, now, writes=terms.priority is _WRITE)
        probing = (self._strangers if proving else self._breaker).enter()
        return Permit(terms, number, self._slow_start.enter(), probing, proving)

    def record_response(
        self, turn: Permit, response: httpx.Response, now: float, what: str
    ) -> None:
        """Record the response to a request for `what`."""
        status, terms = response.status_code, turn.terms
        self._window.record_response(turn.number, parse_rate_limit(response.headers), now)
        if limited(response):
            self._slow_start.refused(now, retry_delay_of_429(response.headers))
            self._breaker_of(turn).unknown(trying=turn.probing)
        else:
            self._slow_start.passed(turn.trial)
            self._see(turn, response, now, what)
        if terms.priority is _WRITE and not turn.proving and status in POINTLESS:
            self._fair_share.pointless(terms.partition)
        self._judge(turn, response, now)

    def _see(self, turn: Permit, response: httpx.Response, now: float, what: str) -> None:
        """Record what a response proves about the API.

        A server may fail only on requests of an unverified credential. While callers with proven
        credentials get responses, such a failure counts against the credential, and otherwise for
        the breaker of unverified credentials alone.
        """
        partition, breaker = turn.terms.partition, self._breaker_of(turn)
        if not response.is_server_error:
            breaker.answered(now, partition, trying=turn.probing)
            if response.is_success or not turn.proving:
                self._well_at = now
            back = response.is_success and not self._breaker.closed and self._breaker.due(now)
            if turn.proving and back:
                self._breaker.close()
        elif turn.proving and self._well(now):
            breaker.unknown(trying=turn.probing)
        else:
            breaker.failed(now, FailedCall(partition, what), trying=turn.probing)
            seconds = retry_after(response.headers)
            if response.status_code == RESTING and seconds is not None:
                breaker.rest(now, seconds)

    def _breaker_of(self, turn: Permit) -> CircuitBreaker:
        return self._strangers if turn.proving else self._breaker

    def _well(self, now: float) -> bool:
        """Return True if callers with proven credentials get responses."""
        return now < self._well_at + SPAN

    def record_no_response(
        self, turn: Permit, error: BaseException | None, now: float, what: str
    ) -> None:
        """Record a request without a response; without an `error` it was not sent."""
        unsent = error is None or was_never_sent(error)
        if unsent:
            self._window.release(turn.number)
            if not turn.proving:
                self._fair_share.refund(turn.terms.partition, writes=turn.terms.priority is _WRITE)
        else:
            self._window.record_no_response(turn.number)
        self._slow_start.unknown(turn.trial)
        absent = _is_outage(error)
        theirs = turn.proving and absent and not unsent and self._well(now)
        if turn.proving:
            credential = turn.terms.credential
            if theirs:
                self._unknown_credentials.failed(credential, now)
            else:
                self._unknown_credentials.unknown(credential)
        breaker = self._breaker_of(turn)
        if absent and not theirs:
            failed = FailedCall(turn.terms.partition, None if unsent else what)
            breaker.failed(now, failed, trying=turn.probing)
        else:
            breaker.unknown(trying=turn.probing)

    def _judge(self, turn: Permit, response: httpx.Response, now: float) -> None:
        """Record what the response proves about the credential.

        Only a response of the API itself accepts or rejects it. A try with any other response
        counts as failed, so that unverified credentials cannot make tries without end.
        """
        credential, status = turn.terms.credential, response.status_code
        success = response.is_success and (
            self.credentials.noted(credential, now) or self._accepts(response)
        )
        if success:
            self.credentials.accepted(credential, now)
            self._unknown_credentials.succeeded(credential)
            if turn.proving:
                self._fair_share.spend(
                    turn.terms.partition, now, writes=turn.terms.priority is _WRITE
                )
        elif status == UNAUTHORIZED and self._refuses(response):
            self.credentials.rejected(credential, now)
        if success or not turn.proving:
            return
        if limited(response) or (response.is_server_error and not self._well(now)):
            self._unknown_credentials.unknown(credential)
        else:
            self._unknown_credentials.failed(credential, now)

    def _common_wait(self, terms: CallContext, now: float) -> float:
        return max(self._slow_start.wait(now), self._window.wait(terms.priority, now))

    def _own_wait(self, terms: CallContext, now: float) -> float:
        if self.unproven(terms, now):
            return self._unknown_credentials.wait(terms.credential, now)
        return self._share_wait(terms, now)

    def _share_wait(self, terms: CallContext, now: float) -> float:
        if terms.priority is _WRITE:
            return self._fair_share.wait_to_write(terms.partition, now)
        return self._fair_share.wait(terms.partition, now)


def _is_outage(error: BaseException | None) -> bool:
    """Return True if the request ended as it would if the API were unreachable."""
    ours = InvalidRequest | httpx.PoolTimeout
    return isinstance(error, httpx.TransportError) and not isinstance(error, ours)
