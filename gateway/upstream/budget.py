"""Sends no request that the API's window has no room for, and says when there will be room."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

import httpx

from gateway.upstream.gate import Gate
from gateway.upstream.ledger import Ledger
from gateway.upstream.line import Line, Turn, Waiter
from gateway.upstream.outcome import never_sent
from gateway.upstream.retry_after import reading, stated_wait
from gateway.upstream.terms import Terms, terms_of
from schema.failures import Failure, RateLimited, Unavailable
from schema.operation import BudgetState, Lane

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 2.0
"""Seconds a request may wait for the window to open; a longer wait is told, not waited."""
GRACE = 0.5
"""Seconds more for whoever waited out a 429 while one request tries whether it is over."""
REFUSED = 429


class Budget(httpx.AsyncBaseTransport):
    """Lets requests out in order of urgency, as far as the window and the API's 429s allow.

    Raises `RateLimited` at once, with the true seconds, where waiting would take over 2 s or
    past the deadline, and `Unavailable` where no connection came free in time. Nothing was
    sent then. A request once let out flies on when its caller leaves, so that its answer is
    booked and its place stays taken until it ends.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        ledger: Ledger | None = None,
        clock: Callable[[], float] = time.monotonic,
        at_once: int = 16,
        waiting: int = 200,
    ) -> None:
        """`at_once`: requests in flight together; `waiting`: requests queued behind them."""
        self._inner = inner
        self._ledger = ledger or Ledger()
        self._gate = Gate()
        self._line = Line()
        self._clock = clock
        self._at_once = at_once
        self._waiting = waiting
        self._out = 0
        self._flights: set[asyncio.Task[httpx.Response]] = set()
        self._alarm: asyncio.TimerHandle | None = None

    def state(self) -> BudgetState:
        """The window as we know it; nothing is left of it while a 429 keeps everybody away."""
        now = self._clock()
        state = self._ledger.state(now)
        shut = self._gate.wait(now)
        if not shut:
            return state
        return BudgetState(
            limit=state.limit, remaining=0, reset_seconds=max(state.reset_seconds, math.ceil(shut))
        )

    def refreshable(self) -> bool:
        """Whether a request of the refresh lane would be let out now; costs nothing to ask."""
        now = self._clock()
        return (
            self._out < self._at_once
            and self._line.head() is None
            and not self._wait(Lane.REFRESH, now)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` when it may be sent, or raise."""
        terms = terms_of(request)
        try:
            turn = self._turn_now(terms) or await self._turn_later(terms)
        except Failure:
            terms.receipt.budget = self.state()
            raise
        flight = asyncio.create_task(self._fly(request, terms, turn))
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)
        return await asyncio.shield(flight)

    async def aclose(self) -> None:
        """Close what is below; nobody waits for a turn any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        for waiter in self._line:
            waiter.turn.set_exception(Unavailable("The gateway is shutting down."))
        await self._inner.aclose()

    async def _fly(self, request: httpx.Request, terms: Terms, turn: Turn) -> httpx.Response:
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            self._unanswered(turn, sent=not never_sent(error))
            raise
        else:
            self._answered(turn, response)
            return response
        finally:
            self._out -= 1
            terms.receipt.budget = self.state()
            self._serve()

    def _answered(self, turn: Turn, response: httpx.Response) -> None:
        now = self._clock()
        self._ledger.answered(turn.number, reading(response.headers), now)
        if response.status_code == REFUSED:
            self._gate.refused(now, stated_wait(response.headers))
        elif turn.trying:
            self._gate.passed()

    def _unanswered(self, turn: Turn, *, sent: bool) -> None:
        if sent:
            self._ledger.unanswered(turn.number)
        else:
            self._ledger.unsent(turn.number)
        if turn.trying:
            self._gate.unknown()

    def _wait(self, lane: Lane, now: float) -> float:
        return max(self._gate.wait(now), self._ledger.wait(lane, now))

    def _take(self, lane: Lane, now: float) -> Turn:
        self._out += 1
        return Turn(self._ledger.reserve(now, lane), self._gate.enter())

    def _turn_now(self, terms: Terms) -> Turn | None:
        now = self._clock()
        if now >= terms.deadline:
            raise self._late(terms.lane, now)
        wait = self._wait(terms.lane, now)
        if wait > PATIENCE or now + wait >= terms.deadline:
            raise _spent(wait)
        if wait or self._out >= self._at_once or self._line.head():
            return None
        return self._take(terms.lane, now)

    async def _turn_later(self, terms: Terms) -> Turn:
        if len(self._line) >= self._waiting:
            raise Unavailable("Too many requests wait for the API already.")
        turn: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._line.join(terms.lane, turn, terms.deadline)
        self._serve()
        try:
            async with asyncio.timeout(terms.deadline - self._clock()):
                return await turn
        except TimeoutError:
            self._leave(turn)
            raise self._late(terms.lane, self._clock()) from None
        except asyncio.CancelledError:
            self._leave(turn)
            raise

    def _leave(self, turn: asyncio.Future[Turn]) -> None:
        """Give up waiting; a turn that came at the same moment goes to the next in line."""
        if turn.cancel() or turn.cancelled() or turn.exception():
            return
        self._out -= 1
        self._unanswered(turn.result(), sent=False)
        self._serve()

    def _serve(self) -> None:
        """Give out the turns there are, send away who cannot hope for one, and set the alarm."""
        now = self._clock()
        while (head := self._line.head()) and self._out < self._at_once:
            if self._wait(head.lane, now):
                break
            head.turn.set_result(self._take(head.lane, now))
        for waiter in self._line:
            self._hold(waiter, now)
        self._set_alarm(now)

    def _hold(self, waiter: Waiter, now: float) -> None:
        wait = self._wait(waiter.lane, now)
        if not wait:
            waiter.patience_ends = None
            return
        if waiter.patience_ends is None:
            waiter.patience_ends = now + PATIENCE + GRACE
        if wait > PATIENCE or now + wait > min(waiter.patience_ends, waiter.deadline):
            waiter.turn.set_exception(_spent(wait))

    def _set_alarm(self, now: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        head = self._line.head()
        wait = self._wait(head.lane, now) if head else 0.0
        if wait:
            self._alarm = asyncio.get_running_loop().call_later(wait, self._serve)

    def _late(self, lane: Lane, now: float) -> RateLimited | Unavailable:
        wait = self._wait(lane, now)
        if wait:
            return _spent(wait)
        return Unavailable("The API is too busy to be asked in time.", code="UPSTREAM_TIMEOUT")


def _spent(wait: float) -> RateLimited:
    seconds = math.ceil(wait)
    return RateLimited(
        f"The API's request budget is spent; ask again in {max(1, seconds)} s.",
        retry_after=seconds,
    )
