"""Sends no request that the API's window has no room for, and says when there will be room."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

import httpx

from gateway.upstream.admission import Admission
from gateway.upstream.begun import Transport, beginning
from gateway.upstream.ledger import Ledger
from gateway.upstream.line import Line
from gateway.upstream.notices import Notices
from gateway.upstream.outcome import never_sent
from gateway.upstream.standing import Standing
from gateway.upstream.terms import terms_of
from schema.failures import Failure, RateLimited, TooExpensive, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.upstream.admission import Turn
    from gateway.upstream.line import Waiter
    from gateway.upstream.standing import Proven
    from gateway.upstream.terms import Terms
    from schema.operation import BudgetState

PATIENCE = 2.0
"""Seconds a request may wait for the window to open; a longer wait is told, not waited."""
GRACE = 0.5
"""Seconds more for whoever waited out a 429 while one request tries whether it is over."""
FAILED = frozenset({408, 425, 429, *range(500, 600)})
"""Statuses after which an operation may need more calls than its price."""
NEWCOMERS = 2 / 3
"""Part of the line in which credentials that nobody knows yet may wait to be tried."""


class Budget(Transport):
    """Lets requests out in order of urgency, as far as the window and the API's 429s allow.

    Raises `RateLimited` at once, with the true seconds, where waiting would take over 2 s or
    past the deadline, and `Unavailable` where no connection came free in time. Nothing was
    sent then. A request once let out flies on when its caller leaves, so that its answer is
    booked and its place stays taken until it ends. What was really sent is written on its payer's
    receipt.
    """

    def __init__(  # noqa: PLR0913 - every part by its name
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        ledger: Ledger | None = None,
        proven: Proven | None = None,
        clock: Callable[[], float] = time.monotonic,
        at_once: int = 16,
        waiting: int = 200,
    ) -> None:
        """`at_once`: requests in flight together; `waiting`: requests queued behind them.

        `proven`: where it outlives the process which credentials the API accepts.
        """
        self._inner = beginning(inner)
        self._admission = Admission(ledger or Ledger(), Standing(proven, now=clock()))
        self._line = Line()
        self._notices = Notices()
        self._clock = clock
        self._at_once = at_once
        self._waiting = waiting
        self._out = 0
        self._newcomers = 0
        self._alarm: asyncio.TimerHandle | None = None

    def state(self) -> BudgetState:
        """The window as we know it; nothing is left of it while a 429 keeps everybody away."""
        return self._admission.state(self._clock())

    def refreshable(self) -> bool:
        """Whether a request of the refresh lane would be let out now; costs nothing to ask."""
        now = self._clock()
        return self._out < self._at_once and self._admission.refreshable(now)

    def trust(self, credentials: Iterable[str]) -> None:
        """Take these, which the operator set, for known without proof, by their keyed hashes."""
        self._admission.standing.trusted = frozenset(credentials)

    def proven(self, credential: str) -> bool:
        """Whether the API accepted the credential with this keyed hash in the last 24 hours."""
        return self._admission.standing.proven(credential, self._clock())

    def vouched(self, credential: str) -> bool:
        """Whether the API accepted this credential in the last five minutes."""
        return self._admission.standing.vouched(credential, self._clock())

    def refused(self, credential: str) -> bool:
        """Whether the API refused this credential in the last minute."""
        return self._admission.standing.refused(credential, self._clock())

    def when_refused(self, act: Callable[[str], None]) -> None:
        """Have `act` done with each credential that the API refuses, as soon as it does."""
        self._admission.standing.when_rejected = act

    def begin(self, request: httpx.Request) -> asyncio.Future[httpx.Response]:
        """Send `request` now if it may be sent now, else when it may."""
        terms, answer = terms_of(request), asyncio.get_running_loop().create_future()
        if not terms.spending.take():
            limit = terms.spending.limit
            answer.set_exception(TooExpensive(0 if limit is None else limit.cap))
            return answer
        try:
            turn = self._turn_now(terms)
            if turn is None:
                self._wait(request, answer)
            else:
                self._send(request, turn, answer)
        except Failure as failure:
            terms.spending.give_back()
            terms.receipt.budget = self.state()
            answer.set_exception(failure)
        return answer

    async def aclose(self) -> None:
        """Close what is below; nobody waits for a turn any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        for waiter in self._line:
            self._send_away(waiter, Unavailable("The gateway is shutting down."))
        await self._inner.aclose()

    def _send(
        self, request: httpx.Request, turn: Turn, answer: asyncio.Future[httpx.Response]
    ) -> None:
        turn.terms.receipt.calls += 1
        flight = self._inner.begin(request)
        flight.add_done_callback(partial(self._landed, request, turn, answer))

    def _landed(
        self,
        request: httpx.Request,
        turn: Turn,
        answer: asyncio.Future[httpx.Response],
        flight: asyncio.Future[httpx.Response],
    ) -> None:
        """Book how a request ended, then tell whoever waits for it."""
        error = asyncio.CancelledError() if flight.cancelled() else flight.exception()
        try:
            self._book(request, turn, flight.result() if error is None else error)
        finally:
            if answer.cancelled():
                pass
            elif error is None:
                answer.set_result(flight.result())
            elif isinstance(error, asyncio.CancelledError):
                answer.cancel()
            else:
                answer.set_exception(error)

    def _book(
        self, request: httpx.Request, turn: Turn, end: httpx.Response | BaseException
    ) -> None:
        now, receipt = self._clock(), turn.terms.receipt
        failed = not isinstance(end, httpx.Response) or end.status_code in FAILED
        turn.terms.spending.excused |= failed
        self._notices.ended(end, now)
        if isinstance(end, httpx.Response):
            self._admission.answered(turn, end, now, str(request.url))
        else:
            self._admission.unanswered(turn, end, now, str(request.url))
            if never_sent(end):
                receipt.calls -= 1
                turn.terms.spending.give_back()
        self._notices.breaker(self._admission.shut(now))
        self._out -= 1
        receipt.budget = self._admission.state(now)
        self._serve()

    def _take(self, terms: Terms, now: float) -> Turn:
        self._out += 1
        return self._admission.enter(terms, now)

    def _turn_now(self, terms: Terms) -> Turn | None:
        now = self._clock()
        if terms.given_up():
            raise _nobody()
        if now >= terms.deadline:
            raise self._too_late(terms, now)
        if self._admission.clear(terms, now):
            return self._take(terms, now) if self._out < self._at_once else None
        if barred := self._admission.barred(terms, now):
            raise barred
        wait = self._admission.wait(terms, now)
        if wait > PATIENCE or now + wait >= terms.deadline:
            raise self._admission.turned_away(terms, now)
        if wait or self._out >= self._at_once:
            return None
        # Whoever stands in line while places are free has to wait for something else.
        return self._take(terms, now) if self._admission.room(terms, now) else None

    def _wait(self, request: httpx.Request, answer: asyncio.Future[httpx.Response]) -> None:
        """Stand in line until called, sent away, late, or deserted by whoever wants the answer."""
        loop, terms, now = asyncio.get_running_loop(), terms_of(request), self._clock()
        newcomer = self._admission.unproven(terms, now)
        self._make_room(terms, now, newcomer=newcomer)
        waiter = self._line.join(terms, loop.create_future(), now)
        late = loop.call_later(terms.deadline - now, self._late, waiter)
        self._newcomers += newcomer

        def called(turn: asyncio.Future[Turn]) -> None:
            late.cancel()
            self._newcomers -= newcomer
            if turn.cancelled():
                terms.spending.give_back()
            else:
                self._called(request, turn, answer)

        def deserted(answer: asyncio.Future[httpx.Response]) -> None:
            if answer.cancelled():
                self._line.leave(waiter)
                waiter.turn.cancel()

        waiter.turn.add_done_callback(called)
        answer.add_done_callback(deserted)
        self._serve()

    def _called(
        self,
        request: httpx.Request,
        turn: asyncio.Future[Turn],
        answer: asyncio.Future[httpx.Response],
    ) -> None:
        failure = turn.exception()
        if failure is not None or answer.cancelled():
            terms_of(request).spending.give_back()
        if failure is not None:
            terms_of(request).receipt.budget = self.state()
            if not answer.cancelled():
                answer.set_exception(failure)
        elif answer.cancelled():  # at the same moment: the turn goes to the next in line
            self._out -= 1
            self._admission.unanswered(turn.result(), None, self._clock(), str(request.url))
            self._serve()
        else:
            self._send(request, turn.result(), answer)

    def _make_room(self, terms: Terms, now: float, *, newcomer: bool) -> None:
        """See that one more may stand in line: where it is full, whoever has most gives way."""
        if newcomer and self._newcomers >= self._waiting * NEWCOMERS:
            raise self._admission.turned_away(terms, now)
        if len(self._line) < self._waiting:
            return
        crowded = Unavailable("Too many requests wait for the API already.")
        other = self._line.last_of_most(terms)
        if other is None:
            raise crowded
        self._send_away(other, crowded)

    def _send_away(self, waiter: Waiter, failure: Failure) -> None:
        self._line.leave(waiter)
        if not waiter.turn.done():
            waiter.turn.set_exception(failure)

    def _serve(self) -> None:
        """Give out the turns there are, send away who cannot hope for one, and set the alarm."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self._line:
            return
        now = self._clock()
        while self._out < self._at_once:
            waiter = self._line.next(now, lambda terms: self._admission.rank(terms, now))
            if waiter is None:
                break
            if waiter.terms.given_up():
                self._send_away(waiter, _nobody())
            elif not waiter.turn.done():
                waiter.turn.set_result(self._take(waiter.terms, now))
        held = (self._admission.wait(waiter.terms, now) for waiter in self._line.firsts())
        if self._out >= self._at_once and not any(held):
            return  # they wait for a place, and each that comes free is a look at them
        waits = [wait for waiter in self._line if (wait := self._hold(waiter, now))]
        if waits:
            self._alarm = asyncio.get_running_loop().call_later(min(waits), self._serve)

    def _hold(self, waiter: Waiter, now: float) -> float:
        """Seconds until one in line may go; it is sent away if it cannot hope to."""
        if barred := self._admission.barred(waiter.terms, now):
            self._send_away(waiter, barred)
            return 0.0
        wait = self._admission.wait(waiter.terms, now)
        if not wait:
            if not self._admission.unproven(waiter.terms, now):
                waiter.patience_ends = None
            return 0.0
        if waiter.patience_ends is None:
            waiter.patience_ends = now + PATIENCE + GRACE
        if wait > PATIENCE or now + wait > min(waiter.patience_ends, waiter.terms.deadline):
            self._send_away(waiter, self._admission.turned_away(waiter.terms, now))
            return 0.0
        return wait

    def _late(self, waiter: Waiter) -> None:
        """The deadline passed in line."""
        self._send_away(waiter, self._too_late(waiter.terms, self._clock()))

    def _too_late(self, terms: Terms, now: float) -> RateLimited | Unavailable:
        if self._admission.wait(terms, now) or self._admission.unproven(terms, now):
            return self._admission.turned_away(terms, now)
        return Unavailable("The API is too busy to be asked in time.", code="UPSTREAM_TIMEOUT")


def _nobody() -> Failure:
    return Unavailable("Everybody who asked has left.")
