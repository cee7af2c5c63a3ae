"""A transport that sends requests within the API's rate limit, or states when they may be sent."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway.ratelimit.admission import AdmissionController, Permit
from gateway.ratelimit.call_context import Call
from gateway.ratelimit.credentials import CredentialHistory, CredentialStore
from gateway.ratelimit.dispatcher import Dispatcher
from gateway.ratelimit.outage_log import OutageLog
from gateway.ratelimit.outcomes import OutcomeRecorder
from gateway.ratelimit.window import RateLimitWindow
from gateway.shared_budget import Verdict
from gateway.transport.errors import was_never_sent
from gateway.transport.messages import Response
from gateway.transport.transport import Transport
from schema.source.errors import ClientError, TooExpensive
from schema.source.request_context import Priority, RateLimitState

PendingResponse = asyncio.Future[Response]


FAILED = frozenset({408, 425, 429, *range(500, 600)})
"""Statuses after which an operation may need more calls than its estimate."""


@dataclass(frozen=True, slots=True)
class LimiterOptions:
    """What a rate limiter is given."""

    limit: int = 500
    """Requests in a window."""
    proven: CredentialStore | None = None
    """The persistent store of accepted credentials."""
    clock: Callable[[], float] = time.monotonic
    at_once: int = 16
    """Requests in flight at most."""
    waiting: int = 200
    """Requests in the queue at most."""
    accepts: Callable[[Response], bool] = lambda _: True
    refuses: Callable[[Response], bool] = lambda _: True
    """Whether the API itself wrote a response about a credential (`OutcomeRecorder`)."""


class RateLimiter(Transport):
    """Sends requests by priority, within the rate limit window and the API's 429s.

    The future of a response fails with `RateLimited` at once, with the exact seconds, if waiting
    would take over 2 s or past the deadline, and with `Unavailable` if no slot was free in time.
    Nothing was sent then. Cancelling the future withdraws a request that waits. A request that was
    sent continues, so that its response is recorded and its slot stays in use until its end. Calls
    that were sent are recorded on the payer's receipt.
    """

    def __init__(self, inner: Transport, options: LimiterOptions) -> None:
        self._inner = inner
        self._clock = options.clock
        self.credentials = CredentialHistory(options.proven, now=self._clock())
        self._controls = AdmissionController(RateLimitWindow(limit=options.limit), self.credentials)
        self._outcomes = OutcomeRecorder(
            self._controls, accepts=options.accepts, refuses=options.refuses
        )
        self._dispatcher = Dispatcher(
            self._controls,
            self._clock,
            max_concurrency=options.at_once,
            max_waiting=options.waiting,
        )
        self.waiting = self._dispatcher.waiting
        self._outages = OutageLog()

    def state(self) -> RateLimitState:
        """Return the state of the window; after a 429 no calls are left in it."""
        return self._controls.state(self._clock())

    def when_waited(self, act: Callable[[float], None]) -> None:
        """Call `act` with the seconds that a call has waited, when it gets its permit."""
        self._dispatcher.when_waited = act

    def left(self) -> dict[str, int]:
        """Return how many calls may still be sent in the window, by the name of their priority."""
        window, now = self._controls.window, self._clock()
        return {priority.name.lower(): window.left(priority, now) for priority in Priority}

    def activity(self) -> dict[str, float]:
        """Return the calls in flight, and what is open."""
        dispatcher, controls = self._dispatcher, self._controls
        return {
            "in_flight": dispatcher.in_flight,
            "breaker": not controls.breaker.closed,
            "unverified_breaker": not controls.unverified_breaker.closed,
            "gate_open": controls.slow_start.open,
        }

    def refreshable(self) -> bool:
        """Return True if a background refresh would be sent now; sends nothing."""
        return self._dispatcher.has_free_slot and self._controls.refreshable(self._clock())

    def proven(self, credential: str) -> bool:
        """Return True if the API accepted the credential with this hash in the last 24 hours."""
        return self.credentials.proven(credential, self._clock())

    def vouched(self, credential: str) -> bool:
        """Return True if the API accepted this credential in the last five minutes."""
        return self.credentials.vouched(credential, self._clock())

    def refused(self, credential: str) -> bool:
        """Return True if the API rejected this credential in the last minute."""
        return self.credentials.refused(credential, self._clock())

    def send(self, request: Call) -> PendingResponse:
        """Send `request` as soon as it may be sent."""
        context, response = request.context, asyncio.get_running_loop().create_future()
        if not context.call_budget.take():
            limit = context.call_budget.limit
            response.set_exception(TooExpensive(0 if limit is None else limit.cap))
        else:
            self._admit(request, response)
        return response

    async def aclose(self) -> None:
        """Reject all waiting requests and close the inner transport."""
        self._dispatcher.close()
        await self._inner.aclose()

    def _admit(self, request: Call, response: PendingResponse) -> None:
        """Send a request now, or when it gets a permit, or fail its response."""
        try:
            permit = self._dispatcher.try_acquire(request)
            if permit is None:
                self._wait(request, response)
            else:
                self._start(request, permit, response)
        except ClientError as error:
            self._not_sent(request, error, response)

    def _wait(self, request: Call, response: PendingResponse) -> None:
        """Send a request when it gets a permit, unless its caller leaves before."""
        waiter = self._dispatcher.wait(request)

        def on_response(response: PendingResponse) -> None:
            if response.cancelled():
                self._dispatcher.leave(waiter)

        waiter.permit.add_done_callback(partial(self._on_permit, request, response))
        response.add_done_callback(on_response)

    def _on_permit(
        self, request: Call, response: PendingResponse, permit: asyncio.Future[Permit]
    ) -> None:
        error = None if permit.cancelled() else permit.exception()
        if error is not None:
            self._not_sent(request, error, response)
        elif permit.cancelled():
            request.context.call_budget.give_back()
        elif response.cancelled():  # at the same moment: the permit goes to the next waiter
            request.context.call_budget.give_back()
            self._withdraw(request, permit.result())
        else:
            self._start(request, permit.result(), response)

    def _withdraw(self, request: Call, permit: Permit) -> None:
        """Return a permit of which no use is made."""
        self._outcomes.record_no_response(permit, None, self._clock(), request.target.url)
        self._dispatcher.release()

    def _not_sent(self, request: Call, error: BaseException, response: PendingResponse) -> None:
        context = request.context
        context.call_budget.give_back()
        context.receipt.budget = self.state()
        if not response.done():
            response.set_exception(error)

    def _start(self, request: Call, permit: Permit, response: PendingResponse) -> None:
        permit.context.receipt.calls += 1
        sent = self._inner.send(request)
        sent.add_done_callback(partial(self._on_response, request, permit, response))

    def _on_response(
        self, request: Call, permit: Permit, response: PendingResponse, sent: PendingResponse
    ) -> None:
        """Record the end of a request, then complete its future."""
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        try:
            self._record(request, permit, sent.result() if error is None else error)
        finally:
            if response.done():
                pass
            elif error is None:
                response.set_result(sent.result())
            elif isinstance(error, asyncio.CancelledError):
                response.cancel()
            else:
                response.set_exception(error)

    def _record(self, request: Call, permit: Permit, end: Response | BaseException) -> Verdict:
        now, context, what = self._clock(), permit.context, request.target.url
        failed = not isinstance(end, Response) or end.status_code in FAILED
        context.call_budget.may_exceed_estimate |= failed
        self._outages.ended(end, now)
        if isinstance(end, Response):
            verdict = self._outcomes.record_response(permit, end, now, what)
        else:
            verdict = self._outcomes.record_no_response(permit, end, now, what)
            if was_never_sent(end):
                context.receipt.calls -= 1
                context.call_budget.give_back()
        self._outages.breaker(self._controls.breaker.wait(now))
        context.receipt.budget = self._controls.state(now)
        self._dispatcher.release()
        return verdict
