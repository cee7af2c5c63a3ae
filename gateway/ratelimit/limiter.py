"""A transport that sends requests within the API's rate limit, or states when they may be sent."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

import httpx

from gateway.call_context import context_of
from gateway.ratelimit.admission import AdmissionController, is_success, is_unauthorized
from gateway.ratelimit.credentials import CredentialHistory
from gateway.ratelimit.outage_log import OutageLog
from gateway.ratelimit.queue import FairQueue
from gateway.ratelimit.window import RateLimitWindow
from gateway.transport.errors import was_never_sent
from gateway.transport.transport import Transport, begin_with
from schema.source.errors import ClientError, RateLimited, TooExpensive, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.call_context import CallContext
    from gateway.ratelimit.admission import Permit
    from gateway.ratelimit.credentials import CredentialStore
    from gateway.ratelimit.queue import Waiter
    from schema.source.request_context import RateLimitState

MAX_WAIT = 2.0
"""Seconds a request may wait for the window; a longer wait is an error with Retry-After."""
GRACE = 0.5
"""Additional seconds for a request that waited for the end of a 429, during the first trial."""
FAILED = frozenset({408, 425, 429, *range(500, 600)})
"""Statuses after which an operation may need more calls than its estimate."""
MAX_UNPROVEN_WAITING = 2 / 3
"""The part of the queue in which requests with unverified credentials may wait."""


class RateLimiter(Transport):
    """Sends requests by priority, within the rate limit window and the API's 429s.

    Raises `RateLimited` at once, with the exact seconds, if waiting would take over 2 s or past the
    deadline, and `Unavailable` if no slot was free in time. Nothing was sent then. A request that
    was sent continues if its caller leaves, so that its response is recorded and its slot stays in
    use until its end. Calls that were sent are recorded on the payer's receipt.
    """

    def __init__(  # noqa: PLR0913 - every part by its name
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        ledger: RateLimitWindow | None = None,
        proven: CredentialStore | None = None,
        clock: Callable[[], float] = time.monotonic,
        at_once: int = 16,
        waiting: int = 200,
        accepts: Callable[[httpx.Response], bool] = is_success,
        refuses: Callable[[httpx.Response], bool] = is_unauthorized,
    ) -> None:
        """Set `at_once`, the requests in flight, and `waiting`, the requests in the queue.

        `proven`: the persistent store of accepted credentials. `accepts`, `refuses`: whether the
        API itself wrote a response about a credential (`AdmissionController`).
        """
        self._inner = begin_with(inner)
        self._admission = AdmissionController(
            ledger or RateLimitWindow(),
            CredentialHistory(proven, now=clock()),
            accepts=accepts,
            refuses=refuses,
        )
        self._queue = FairQueue()
        self._notices = OutageLog()
        self._clock = clock
        self._max_concurrency = at_once
        self._waiting = waiting
        self._in_flight = 0
        self._unproven_waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    def state(self) -> RateLimitState:
        """Return the state of the window; after a 429 no calls are left in it."""
        return self._admission.state(self._clock())

    def refreshable(self) -> bool:
        """Return True if a background refresh would be sent now; sends nothing."""
        now = self._clock()
        return self._in_flight < self._max_concurrency and self._admission.refreshable(now)

    def trust(self, credentials: Iterable[str]) -> None:
        """Treat these credentials of the settings, by their keyed hashes, as proven."""
        self._admission.credentials.trusted = frozenset(credentials)

    def proven(self, credential: str) -> bool:
        """Return True if the API accepted the credential with this hash in the last 24 hours."""
        return self._admission.credentials.proven(credential, self._clock())

    def vouched(self, credential: str) -> bool:
        """Return True if the API accepted this credential in the last five minutes."""
        return self._admission.credentials.vouched(credential, self._clock())

    def refused(self, credential: str) -> bool:
        """Return True if the API rejected this credential in the last minute."""
        return self._admission.credentials.refused(credential, self._clock())

    def when_refused(self, act: Callable[[str], None]) -> None:
        """Call `act` with each credential that the API rejects, at once."""
        self._admission.credentials.when_rejected = act

    def send(self, request: httpx.Request) -> asyncio.Future[httpx.Response]:
        """Send `request` as soon as it may be sent."""
        terms, answer = context_of(request), asyncio.get_running_loop().create_future()
        if not terms.call_budget.take():
            limit = terms.call_budget.limit
            answer.set_exception(TooExpensive(0 if limit is None else limit.cap))
            return answer
        try:
            turn = self._try_acquire(terms)
            if turn is None:
                self._wait(request, answer)
            else:
                self._send(request, turn, answer)
        except ClientError as failure:
            terms.call_budget.give_back()
            terms.receipt.budget = self.state()
            answer.set_exception(failure)
        return answer

    async def aclose(self) -> None:
        """Reject all waiting requests and close the inner transport."""
        if self._timer is not None:
            self._timer.cancel()
        for waiter in self._queue:
            self._reject(waiter, Unavailable("The gateway is shutting down."))
        await self._inner.aclose()

    def _send(
        self, request: httpx.Request, turn: Permit, answer: asyncio.Future[httpx.Response]
    ) -> None:
        turn.terms.receipt.calls += 1
        flight = self._inner.send(request)
        flight.add_done_callback(partial(self._on_response, request, turn, answer))

    def _on_response(
        self,
        request: httpx.Request,
        turn: Permit,
        answer: asyncio.Future[httpx.Response],
        flight: asyncio.Future[httpx.Response],
    ) -> None:
        """Record the end of a request, then complete its future."""
        error = asyncio.CancelledError() if flight.cancelled() else flight.exception()
        try:
            self._record(request, turn, flight.result() if error is None else error)
        finally:
            if answer.cancelled():
                pass
            elif error is None:
                answer.set_result(flight.result())
            elif isinstance(error, asyncio.CancelledError):
                answer.cancel()
            else:
                answer.set_exception(error)

    def _record(
        self, request: httpx.Request, turn: Permit, end: httpx.Response | BaseException
    ) -> None:
        now, receipt = self._clock(), turn.terms.receipt
        failed = not isinstance(end, httpx.Response) or end.status_code in FAILED
        turn.terms.call_budget.may_exceed_estimate |= failed
        self._notices.ended(end, now)
        if isinstance(end, httpx.Response):
            self._admission.record_response(turn, end, now, str(request.url))
        else:
            self._admission.record_no_response(turn, end, now, str(request.url))
            if was_never_sent(end):
                receipt.calls -= 1
                turn.terms.call_budget.give_back()
        self._notices.breaker(self._admission.shut(now))
        self._in_flight -= 1
        receipt.budget = self._admission.state(now)
        self._serve()

    def _take(self, terms: CallContext, now: float) -> Permit:
        self._in_flight += 1
        return self._admission.acquire(terms, now)

    def _try_acquire(self, terms: CallContext) -> Permit | None:
        now = self._clock()
        if terms.is_abandoned():
            raise _abandoned()
        if now >= terms.deadline:
            raise self._too_late(terms, now)
        if self._admission.can_send_now(terms, now):
            return self._take(terms, now) if self._in_flight < self._max_concurrency else None
        if barred := self._admission.rejection(terms, now):
            raise barred
        wait = self._admission.wait(terms, now)
        if wait > MAX_WAIT or now + wait >= terms.deadline:
            raise self._admission.rate_limited_error(terms, now)
        if wait or self._in_flight >= self._max_concurrency:
            return None
        # A waiter in the queue while slots are free is waiting for something else.
        return self._take(terms, now) if self._admission.has_slot(terms, now) else None

    def _wait(self, request: httpx.Request, answer: asyncio.Future[httpx.Response]) -> None:
        """Queue a request until it gets a permit, is rejected, expires, or its caller leaves."""
        loop, terms, now = asyncio.get_running_loop(), context_of(request), self._clock()
        newcomer = self._admission.unproven(terms, now)
        self._make_room(terms, now, newcomer=newcomer)
        waiter = self._queue.join(terms, loop.create_future(), now)
        late = loop.call_later(terms.deadline - now, self._late, waiter)
        self._unproven_waiting += newcomer

        def called(turn: asyncio.Future[Permit]) -> None:
            late.cancel()
            self._unproven_waiting -= newcomer
            if turn.cancelled():
                terms.call_budget.give_back()
            else:
                self._on_permit(request, turn, answer)

        def deserted(answer: asyncio.Future[httpx.Response]) -> None:
            if answer.cancelled():
                self._queue.leave(waiter)
                waiter.permit.cancel()

        waiter.permit.add_done_callback(called)
        answer.add_done_callback(deserted)
        self._serve()

    def _on_permit(
        self,
        request: httpx.Request,
        turn: asyncio.Future[Permit],
        answer: asyncio.Future[httpx.Response],
    ) -> None:
        failure = turn.exception()
        if failure is not None or answer.cancelled():
            context_of(request).call_budget.give_back()
        if failure is not None:
            context_of(request).receipt.budget = self.state()
            if not answer.cancelled():
                answer.set_exception(failure)
        elif answer.cancelled():  # at the same moment: the permit goes to the next waiter
            self._in_flight -= 1
            self._admission.record_no_response(turn.result(), None, self._clock(), str(request.url))
            self._serve()
        else:
            self._send(request, turn.result(), answer)

    def _make_room(self, terms: CallContext, now: float, *, newcomer: bool) -> None:
        """Ensure a place in the queue: if it is full, the caller with most waiters loses one."""
        if newcomer and self._unproven_waiting >= self._waiting * MAX_UNPROVEN_WAITING:
            raise self._admission.rate_limited_error(terms, now)
        if len(self._queue) < self._waiting:
            return
        crowded = Unavailable("Too many requests wait for the API already.")
        other = self._queue.newest_of_longest(terms)
        if other is None:
            raise crowded
        self._reject(other, crowded)

    def _reject(self, waiter: Waiter, failure: ClientError) -> None:
        self._queue.leave(waiter)
        if not waiter.permit.done():
            waiter.permit.set_exception(failure)

    def _serve(self) -> None:
        """Give permits, reject waiters that cannot be served in time, and set the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._queue:
            return
        now = self._clock()
        while self._in_flight < self._max_concurrency:
            waiter = self._queue.next(now, lambda terms: self._admission.rank(terms, now))
            if waiter is None:
                break
            if waiter.context.is_abandoned():
                self._reject(waiter, _abandoned())
            elif not waiter.permit.done():
                waiter.permit.set_result(self._take(waiter.context, now))
        held = (self._admission.wait(waiter.context, now) for waiter in self._queue.heads())
        if self._in_flight >= self._max_concurrency and not any(held):
            return  # they wait for a slot; each free slot calls this function
        waits = [wait for waiter in self._queue if (wait := self._reassess(waiter, now))]
        if waits:
            self._timer = asyncio.get_running_loop().call_later(min(waits), self._serve)

    def _reassess(self, waiter: Waiter, now: float) -> float:
        """Return the seconds until a waiter may be served; reject it if that is too late."""
        if barred := self._admission.rejection(waiter.context, now):
            self._reject(waiter, barred)
            return 0.0
        wait = self._admission.wait(waiter.context, now)
        if not wait:
            if not self._admission.unproven(waiter.context, now):
                waiter.expires_at = None
            return 0.0
        if waiter.expires_at is None:
            waiter.expires_at = now + MAX_WAIT + GRACE
        if wait > MAX_WAIT or now + wait > min(waiter.expires_at, waiter.context.deadline):
            self._reject(waiter, self._admission.rate_limited_error(waiter.context, now))
            return 0.0
        return wait

    def _late(self, waiter: Waiter) -> None:
        """Reject a waiter whose deadline has passed."""
        self._reject(waiter, self._too_late(waiter.context, self._clock()))

    def _too_late(self, terms: CallContext, now: float) -> RateLimited | Unavailable:
        if self._admission.wait(terms, now) or self._admission.unproven(terms, now):
            return self._admission.rate_limited_error(terms, now)
        return Unavailable("The API is too busy to be asked in time.", code="UPSTREAM_TIMEOUT")


def _abandoned() -> ClientError:
    return Unavailable("Everybody who asked has left.")
