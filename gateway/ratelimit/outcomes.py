"""Record what the end of a call proves about the window, the API, the caller and its credential."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.ratelimit.admission import AdmissionController, Permit
from gateway.ratelimit.circuit_breaker import CircuitBreaker, FailedCall
from gateway.shared_budget import Verdict
from gateway.transport.errors import InvalidRequest, PoolTimeout, TransportError, was_never_sent
from gateway.transport.messages import Response
from gateway.transport.rate_limit_headers import (
    limited,
    parse_rate_limit,
    retry_after,
    retry_delay_of_429,
)
from schema.source.request_context import Priority

UNAUTHORIZED, RESTING = 401, 503
POINTLESS = frozenset({401, 403, 404, 410})
"""Statuses of writes that did nothing for their caller."""
_WRITE = Priority.WRITE  # looked up once: a lookup takes longer than a comparison


@dataclass(frozen=True, slots=True)
class OutcomeRecorder:
    """Changes the limits of admission by the ends of calls; methods take the time, in seconds."""

    controls: AdmissionController
    accepts: Callable[[Response], bool]
    """Whether the API itself wrote a response with a 2xx status: any intermediary can send one."""
    refuses: Callable[[Response], bool]
    """The same of a response with a 401."""

    def record_response(self, permit: Permit, response: Response, now: float, what: str) -> Verdict:
        """Record the response to a request for `what`; return what it proves."""
        status, context = response.status_code, permit.context
        self.controls.window.record_response(permit.number, parse_rate_limit(response.headers), now)
        if limited(response):
            self.controls.slow_start.refused(now, retry_delay_of_429(response.headers))
            self._breaker_of(permit).unknown(trying=permit.probing)
        else:
            self.controls.slow_start.passed(permit.trial)
            self._see(permit, response, now, what)
        if context.priority is _WRITE and not permit.proving and status in POINTLESS:
            self.controls.fair_share.pointless(context.partition)
        return self._judge(permit, response, now)

    def _see(self, permit: Permit, response: Response, now: float, what: str) -> None:
        """Record what a response proves about the API.

        A server may fail only on requests of an unverified credential. While callers with proven
        credentials get responses, such a failure counts against the credential, and otherwise for
        the breaker of unverified credentials alone.
        """
        partition, breaker = permit.context.partition, self._breaker_of(permit)
        if not response.is_server_error:
            breaker.answered(now, partition, trying=permit.probing)
            if response.is_success or not permit.proving:
                self.controls.well_at = now
            back = (
                response.is_success
                and not self.controls.breaker.closed
                and self.controls.breaker.due(now)
            )
            if permit.proving and back:
                self.controls.breaker.close()
        elif permit.proving and self.controls.is_well(now):
            breaker.unknown(trying=permit.probing)
        else:
            breaker.failed(now, FailedCall(partition, what), trying=permit.probing)
            seconds = retry_after(response.headers)
            if response.status_code == RESTING and seconds is not None:
                breaker.rest(now, seconds)

    def _breaker_of(self, permit: Permit) -> CircuitBreaker:
        return self.controls.unverified_breaker if permit.proving else self.controls.breaker

    def record_no_response(
        self, permit: Permit, error: BaseException | None, now: float, what: str
    ) -> Verdict:
        """Record a request without a response; without an `error` it was not sent."""
        unsent = error is None or was_never_sent(error)
        if unsent:
            self.controls.window.release(permit.number)
            if not permit.proving:
                self.controls.fair_share.refund(
                    permit.context.partition, writes=permit.context.priority is _WRITE
                )
        else:
            self.controls.window.record_no_response(permit.number, now)
        self.controls.slow_start.unknown(permit.trial)
        ours = isinstance(error, InvalidRequest | PoolTimeout)
        absent = isinstance(error, TransportError) and not ours
        theirs = permit.proving and absent and not unsent and self.controls.is_well(now)
        if permit.proving:
            credential = permit.context.credential
            if theirs:
                self.controls.unknown_credentials.failed(credential, now)
            else:
                self.controls.unknown_credentials.unknown(credential)
        breaker = self._breaker_of(permit)
        if absent and not theirs:
            failed = FailedCall(permit.context.partition, None if unsent else what)
            breaker.failed(now, failed, trying=permit.probing)
        else:
            breaker.unknown(trying=permit.probing)
        return "failed" if theirs else "unknown"

    def _judge(self, permit: Permit, response: Response, now: float) -> Verdict:
        """Record what the response proves about the credential.

        Only a response of the API itself accepts or rejects it. A try with any other response
        counts as failed, so that unverified credentials cannot make tries without end.
        """
        credential, status = permit.context.credential, response.status_code
        success = response.is_success and (
            self.controls.credentials.noted(credential, now) or self.accepts(response)
        )
        if success:
            self.controls.credentials.accepted(credential, now)
            self.controls.unknown_credentials.succeeded(credential)
            if permit.proving:
                self.controls.fair_share.spend(
                    permit.context.partition, now, writes=permit.context.priority is _WRITE
                )
        elif status == UNAUTHORIZED and self.refuses(response):
            self.controls.credentials.rejected(credential, now)
        if success or not permit.proving:
            return "accepted" if success else ""
        if limited(response) or (response.is_server_error and not self.controls.is_well(now)):
            self.controls.unknown_credentials.unknown(credential)
            return "unknown"
        self.controls.unknown_credentials.failed(credential, now)
        return "failed"
