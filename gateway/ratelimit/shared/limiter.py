"""The rate limiter of a gateway that shares the budget of its address with others."""

import asyncio
from functools import partial

from gateway.ratelimit.admission import Permit
from gateway.ratelimit.call_context import Call
from gateway.ratelimit.dispatcher import GRACE, MAX_WAIT, shutting_down
from gateway.ratelimit.limiter import LimiterOptions, RateLimiter
from gateway.ratelimit.shared.conversion import error_of, outcome_of
from gateway.shared_budget import (
    CallOutcome,
    Grant,
    Refusal,
    Reservation,
    SharedBudget,
    SharedWindow,
    Verdict,
)
from gateway.transport.messages import Response
from gateway.transport.transport import Transport
from schema.source.request_context import RateLimitState

PendingResponse = asyncio.Future[Response]


LEAST_PAUSE = 0.01
"""Seconds between two reservations of one call at least."""


class SharedRateLimiter(RateLimiter):
    """Sends a call only if the shared budget grants it.

    Its own arithmetic, over the latest state of the shared window, refuses first what cannot be
    granted, orders the calls that wait and limits those in flight; the shared budget decides.
    """

    def __init__(self, inner: Transport, shared: SharedBudget, options: LimiterOptions) -> None:
        super().__init__(inner, options)
        self._shared = shared
        self._grants: dict[int, Grant] = {}
        self._decisions: set[asyncio.Task[Grant | Refusal]] = set()
        self._expiries: dict[PendingResponse, float] = {}
        """When the calls that were refused at first have waited for too long."""
        shared.when_changed(self._adopt)

    def state(self) -> RateLimitState:
        """Return the latest known state of the shared window."""
        return self._shared.state()

    async def aclose(self) -> None:
        """Reject all waiting requests, leave the shared budget and close the inner transport."""
        await super().aclose()
        if self._decisions:
            await asyncio.wait(self._decisions)
        for response in tuple(self._expiries):  # they wait to be reserved again
            if not response.done():
                response.set_exception(shutting_down())
        await self._shared.aclose()

    def _adopt(self, window: SharedWindow) -> None:
        self._controls.window.adopt(window, self._clock())

    def _start(self, request: Call, permit: Permit, response: PendingResponse) -> None:
        """Reserve the call in the shared budget; send it if it is granted."""
        # A task of its own, which is never cancelled: the call may be debited already.
        decision = asyncio.create_task(self._shared.reserve(self._reservation(request, permit)))
        self._decisions.add(decision)
        decision.add_done_callback(partial(self._on_decision, request, permit, response))

    def _reservation(self, request: Call, permit: Permit) -> Reservation:
        context = permit.context
        patience = max(0.0, min(MAX_WAIT, request.deadline - self._clock()))
        return Reservation(
            context.priority, context.partition, context.credential, not permit.proving, patience
        )

    def _on_decision(
        self,
        request: Call,
        permit: Permit,
        response: PendingResponse,
        decision: asyncio.Task[Grant | Refusal],
    ) -> None:
        self._decisions.discard(decision)
        if (error := decision.exception()) is not None:  # a bug: the caller has to see it
            self._withdraw(request, permit)
            self._not_sent(request, error, response)
            return
        decided = decision.result()
        if not isinstance(decided, Grant):
            self._withdraw(request, permit)
            self._refuse(request, decided, response)
        elif response.cancelled():
            self._shared.report(decided, CallOutcome("unsent", verdict="unknown"))
            self._withdraw(request, permit)
            request.context.call_budget.give_back()
        else:
            self._grants[permit.number] = decided
            super()._start(request, permit, response)

    def _refuse(self, request: Call, refusal: Refusal, response: PendingResponse) -> None:
        """Try again after the wait if the call can wait for so long."""
        seconds, now = max(LEAST_PAUSE, refusal.seconds), self._clock()
        if response not in self._expiries:
            self._expiries[response] = min(now + MAX_WAIT + GRACE, request.deadline)
            response.add_done_callback(self._expiries.pop)
        if refusal.final or now + seconds >= self._expiries[response]:
            self._not_sent(request, error_of(refusal), response)
        else:
            asyncio.get_running_loop().call_later(seconds, self._try_again, request, response)

    def _try_again(self, request: Call, response: PendingResponse) -> None:
        if response.done():
            request.context.call_budget.give_back()
            return
        self._admit(request, response)

    def _record(self, request: Call, permit: Permit, end: Response | BaseException) -> Verdict:
        verdict = super()._record(request, permit, end)
        permit.context.receipt.budget = self.state()
        self._shared.report(self._grants.pop(permit.number), outcome_of(end, verdict))
        return verdict
