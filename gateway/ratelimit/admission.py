"""Whether a request may go out now: everything that has a say in it, asked in one place."""

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
"""Statuses of writes that cannot have been of use to their caller."""
_WRITE = Priority.WRITE  # looked up once: it takes longer than what is asked of it


def is_success(response: httpx.Response) -> bool:
    """Return whether the status is 2xx (RFC 9110, 15.3)."""
    return response.is_success


def is_unauthorized(response: httpx.Response) -> bool:
    """Return whether the status is 401 (RFC 9110, 15.5.2)."""
    return response.status_code == UNAUTHORIZED


class Permit(NamedTuple):
    """Leave to send one request."""

    terms: CallContext
    number: int
    """Its number in the ledger."""
    trial: int
    """The trial of the gate it is part of; 0: none."""
    probing: bool
    """Whether it tries for all whether the API is back."""
    proving: bool
    """Whether it tries a credential that nobody knows yet."""


class AdmissionController:
    """The window, the API's 429s and outages, callers' shares, and credentials' standing.

    Pure arithmetic: every method is told the time, in monotonic seconds.
    """

    def __init__(
        self,
        ledger: RateLimitWindow,
        standing: CredentialHistory | None = None,
        *,
        accepts: Callable[[httpx.Response], bool] = is_success,
        refuses: Callable[[httpx.Response], bool] = is_unauthorized,
    ) -> None:
        """`accepts`, `refuses`: whether a response is the API's own word on its credential.

        The first is given responses with a 2xx status, the second those with a 401. The defaults
        go by the status alone, which anything between the gateway and the API can send.
        """
        self._accepts, self._refuses = accepts, refuses
        self.credentials = standing or CredentialHistory()
        self._window = ledger
        self._slow_start = SlowStart()
        self._breaker = CircuitBreaker()
        self._strangers = CircuitBreaker()
        """The same for credentials that nobody knows: how these fare tells others nothing."""
        self._well_at = -math.inf
        """When somebody the API accepts was last answered, and not with a 5xx."""
        self._fair_share = FairShare(ledger)
        self._unknown_credentials = UnknownCredentialLimiter()

    def state(self, now: float) -> RateLimitState:
        """The window as we know it; nothing is left of it while a 429 keeps everybody away."""
        state = self._window.state(now)
        shut = self._slow_start.wait(now)
        if not shut:
            return state
        return RateLimitState(state.limit, 0, max(state.reset_seconds, math.ceil(shut)))

    def refreshable(self, now: float) -> bool:
        """Whether something that nobody waits for may be read now."""
        return not (
            self._breaker.wait(now)
            or self._slow_start.wait(now)
            or self._window.wait(Priority.REFRESH, now)
        )

    def shut(self, now: float) -> float:
        """Seconds for which the API is not asked because it only fails; 0 while it is."""
        return self._breaker.wait(now)

    def can_send_now(self, terms: CallContext, now: float) -> bool:
        """Whether nothing at all stands against a request, as mostly nothing does.

        Where something does, what it is and for how long is for everything below to say.
        """
        return (
            self._slow_start.open
            and self._breaker.closed
            and self.credentials.proven(terms.credential, now)  # so it was not refused since
            and not self._window.wait(terms.lane, now)
            and not self._share_wait(terms, now)
        )

    def rejection(self, terms: CallContext, now: float) -> ClientError | None:
        """What keeps a request from being sent, however long it would wait."""
        if self.credentials.refused(terms.credential, now):
            return Unauthenticated("The API does not accept this credential.")
        unproven = self.unproven(terms, now)
        shut = self._breaker.wait(now, terms.partition)
        if unproven:
            # It never tries for all whether the API is back, but may ask when it is time to.
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
        """Whether nobody knows yet that the API accepts the credential."""
        return not self.credentials.proven(terms.credential, now)

    def wait(self, terms: CallContext, now: float) -> float:
        """Seconds until a request may be sent; 0 when it may be now, room provided."""
        if self.can_send_now(terms, now):
            return 0.0
        return max(self._common_wait(terms, now), self._own_wait(terms, now))

    def has_slot(self, terms: CallContext, now: float) -> bool:
        """Whether there is a place for it: credentials nobody knows are tried a few at a time."""
        return not self.unproven(terms, now) or self._unknown_credentials.room(
            terms.credential, now
        )

    def rank(self, terms: CallContext, now: float) -> int | None:
        """None when a request may not be sent now, else how far it stands behind all others."""
        if not self.can_send_now(terms, now) and (
            self.wait(terms, now) or not self.has_slot(terms, now) or self.rejection(terms, now)
        ):
            return None
        return int(terms.lane is not _WRITE and self._fair_share.has_used_half(terms.partition))

    def rate_limited_error(self, terms: CallContext, now: float) -> RateLimited:
        """What a request is told that would wait too long: when it may come back."""
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
        number = self._window.reserve(now, terms.lane)
        if proving:
            self._unknown_credentials.record_attempt(terms.credential, now)
        else:
            self._fair_share.spend(terms.partition, now, writes=terms.lane is _WRITE)
        probing = (self._strangers if proving else self._breaker).enter()
        return Permit(terms, number, self._slow_start.enter(), probing, proving)

    def record_response(
        self, turn: Permit, response: httpx.Response, now: float, what: str
    ) -> None:
        """The request, which asked for `what`, was answered."""
        status, terms = response.status_code, turn.terms
        self._window.record_response(turn.number, parse_rate_limit(response.headers), now)
        if limited(response):
            self._slow_start.refused(now, retry_delay_of_429(response.headers))
            self._breaker_of(turn).unknown(trying=turn.probing)
        else:
            self._slow_start.passed(turn.trial)
            self._see(turn, response, now, what)
        if terms.lane is _WRITE and not turn.proving and status in POINTLESS:
            self._fair_share.pointless(terms.partition)
        self._judge(turn, response, now)

    def _see(self, turn: Permit, response: httpx.Response, now: float, what: str) -> None:
        """What an answer says of the API.

        A server may fail on what a stranger sends and on nothing else: while those who are known
        are answered, that counts against strangers, and otherwise for strangers alone.
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
        """Whether the API answers those who are known."""
        return now < self._well_at + SPAN

    def record_no_response(
        self, turn: Permit, error: BaseException | None, now: float, what: str
    ) -> None:
        """The request for `what` got no answer, or, without an `error`, was not sent after all."""
        unsent = error is None or was_never_sent(error)
        if unsent:
            self._window.release(turn.number)
            if not turn.proving:
                self._fair_share.refund(turn.terms.partition, writes=turn.terms.lane is _WRITE)
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
        """What the answer says of the credential.

        Only the API's own word accepts or refuses it; a try that anything else answered counts
        among those that failed, so that strangers cannot make them without end.
        """
        credential, status = turn.terms.credential, response.status_code
        success = response.is_success and (
            self.credentials.noted(credential, now) or self._accepts(response)
        )
        if success:
            self.credentials.accepted(credential, now)
            self._unknown_credentials.succeeded(credential)
            if turn.proving:
                self._fair_share.spend(turn.terms.partition, now, writes=turn.terms.lane is _WRITE)
        elif status == UNAUTHORIZED and self._refuses(response):
            self.credentials.rejected(credential, now)
        if success or not turn.proving:
            return
        if limited(response) or (response.is_server_error and not self._well(now)):
            self._unknown_credentials.unknown(credential)
        else:
            self._unknown_credentials.failed(credential, now)

    def _common_wait(self, terms: CallContext, now: float) -> float:
        return max(self._slow_start.wait(now), self._window.wait(terms.lane, now))

    def _own_wait(self, terms: CallContext, now: float) -> float:
        if self.unproven(terms, now):
            return self._unknown_credentials.wait(terms.credential, now)
        return self._share_wait(terms, now)

    def _share_wait(self, terms: CallContext, now: float) -> float:
        if terms.lane is _WRITE:
            return self._fair_share.wait_to_write(terms.partition, now)
        return self._fair_share.wait(terms.partition, now)


def _is_outage(error: BaseException | None) -> bool:
    """Whether a request ended as it would if the API were not there."""
    ours = InvalidRequest | httpx.PoolTimeout
    return isinstance(error, httpx.TransportError) and not isinstance(error, ours)
