"""The rate limit window that several gateways share: decided in the server, call by call."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from gateway.shared_budget import CallOutcome, Grant, Refusal, Reservation, SharedWindow
from gateway.storage.shared.command_pipeline import COMMAND_SECONDS
from gateway.storage.shared.contract import ServerUnreachable
from gateway.storage.shared.heartbeat import Heartbeat
from gateway.storage.shared.lease import Lease
from gateway.storage.shared.mirror import BudgetMirror
from gateway.storage.shared.outcomes import LEASED, UnreportedOutcome, encode_flag, no_outcomes
from gateway.storage.shared.replies import decision, refusal_of
from schema.source.request_context import RateLimitState

BEAT_SECONDS = 0.5
"""Seconds between two renewals of the lease; each is also a probe of a server that failed."""
FLIGHT_MARGIN = 10.0
"""Seconds after the longest call until the server counts a call that no gateway reported."""
BATCH = 100
"""Outcomes that are reported together at most."""
STALE_SECONDS = 1.0
"""Age of a grant above which it is not used: this process was suspended."""
UNREACHABLE_SECONDS = 5.0
"""Retry-After while the server is unreachable and the lease is used up."""


class Connection(Protocol):
    """Calls of the functions in the server (`ServerConnection`)."""

    is_reachable: bool

    async def call(self, function: str, *arguments: str) -> list[str]:
        """Call a function."""

    async def probe(self, function: str, *arguments: str) -> list[str]:
        """Call a function, also after a failure."""

    async def aclose(self) -> None:
        """Close the connection."""


class ValkeyBudget:
    """One gateway's part in a shared budget (`SharedBudget`).

    Exact, because the server decides it for all gateways at once: the calls left, priorities and
    reserves, the gate after a 429 and its probes, callers' shares, slots for unverified
    credentials, the retry budget. Approximate, from the latest reply: `state`. While the server
    cannot be reached, a lease grants calls.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        limit: int = 500,
        window_seconds: float = 900.0,
        attempt_seconds: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Share the budget of `connection`. `attempt_seconds`: the longest time of a call."""
        self._connection, self._clock = connection, clock
        self._limit, self._window_seconds = limit, window_seconds
        self._lifetime = repr(attempt_seconds + FLIGHT_MARGIN)
        self._gateway = secrets.token_hex(8)
        self._calls = self._beat_number = 0
        self._lease = Lease()
        self._mirror = BudgetMirror(limit, window_seconds, clock())
        self._in_flight: dict[str, str] = {}
        """Calls in flight, and in which state of the server they are known."""
        self._unreported = no_outcomes()
        self._reports, self._reporting = 1, asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._beats = Heartbeat(self.beat, BEAT_SECONDS)

    @property
    def is_reachable(self) -> bool:
        """Whether the server replied to the last command."""
        return self._connection.is_reachable

    @property
    def gateways(self) -> int:
        """The number of gateways that are known to share the budget."""
        return self._mirror.gateways

    def state(self) -> RateLimitState:
        """Return the latest known state of the window."""
        state = self._mirror.state(now := self._clock())
        return state if self.is_reachable else state._replace(remaining=self._lease.left(now))

    def when_changed(self, act: Callable[[SharedWindow], None]) -> None:
        """Call `act` with each newer state of the window."""
        self._mirror.when_changed = act

    def start(self) -> None:
        """Begin to renew the lease."""
        self._beats.start()

    async def reserve(self, reservation: Reservation) -> Grant | Refusal:
        """Debit a call within 50 ms. It must not be cancelled: the call may be debited already."""
        if not self.is_reachable:
            return self._reserve_from_lease(reservation)
        grant, begun = self._next_grant(reservation), self._clock()
        try:
            reply = await self._connection.call(
                "reserve",
                *self._common(self._mirror.server_time(begun + COMMAND_SECONDS)),
                grant.id,
                str(int(reservation.priority)),
                reservation.partition,
                reservation.credential,
                encode_flag(reservation.proven),
                repr(reservation.patience),
                self._lifetime,
            )
        except ServerUnreachable:
            self._not_sent(grant)
            return self._reserve_from_lease(reservation)
        self._adopt(reply, begun)
        verdict, value, reason = decision(reply)
        if verdict == "granted":
            return self._accept(grant._replace(number=int(value)), begun)
        if verdict == "late":
            self._mirror.forget_server_time()
        if verdict == "unheard" or reason == "leased":
            self._beats.wake()
        return refusal_of(reservation, verdict, float(value), reason)

    def report(self, grant: Grant, outcome: CallOutcome) -> None:
        """Record how a granted call ended; return at once."""
        now = self._clock()
        self._in_flight.pop(grant.id, None)
        if grant.number == LEASED and outcome.limited:
            self._lease.shut(outcome.delay or UNREACHABLE_SECONDS, now)
        self._unreported.append(UnreportedOutcome(grant, outcome, now))
        if self.is_reachable:
            self._spawn(self._report_all())

    async def allow_retry(self, *, known: bool) -> bool:
        """Take one retry from the retry budget; none while the server is unreachable."""
        if not self.is_reachable:
            return False
        begun = self._clock()
        try:
            reply = await self._connection.call("retry", *self._common(), encode_flag(known))
        except ServerUnreachable:
            self._beats.wake()
            return False
        self._adopt(reply, begun)
        return decision(reply)[0] == "granted"

    async def beat(self) -> None:
        """Renew the lease, and let the server learn what it does not know."""
        begun, used, self._beat_number = self._clock(), self._lease.used, self._beat_number + 1
        missing = [id for id, known in self._in_flight.items() if known != self._mirror.incarnation]
        try:
            reply = await self._connection.probe(
                "beat",
                *self._common(),
                str(self._beat_number),
                self._lease.id,
                str(self._lease.amount),
                str(used),
                self._lifetime,
                self._mirror.memo,
                *missing,
            )
        except ServerUnreachable:
            return
        verdict, amount, id = decision(reply)
        if verdict == "late":
            return
        self._adopt(reply, begun, learnt=True)
        for id in self._in_flight.keys() & missing:
            self._in_flight[id] = self._mirror.incarnation
        self._lease.renew(id, int(amount), used_before=used, renewed_at=begun)
        await self._report_all()

    async def aclose(self) -> None:
        """Report what is left to report, and give the lease back."""
        await self._beats.aclose()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._report_all()
        with contextlib.suppress(ServerUnreachable):
            lease = self._lease
            await self._connection.call("leave", *self._common(), lease.id, str(lease.used))
        await self._connection.aclose()

    def _common(self, deadline: float = 0.0) -> tuple[str, ...]:
        """Return the arguments of every function; `deadline`: the server's time, 0 for none."""
        incarnation, total = self._mirror.version
        limits = str(self._limit), repr(self._window_seconds)
        return (*limits, self._gateway, incarnation, str(total), repr(deadline))

    def _adopt(self, reply: list[str], sent_at: float, *, learnt: bool = False) -> None:
        shut = self._mirror.adopt(reply, sent_at=sent_at, now=self._clock(), learnt=learnt)
        self._lease.shut(shut, sent_at)

    def _next_grant(self, reservation: Reservation) -> Grant:
        self._calls += 1
        return Grant(reservation, f"{self._gateway}.{self._calls}", LEASED)

    def _accept(self, grant: Grant, begun: float) -> Grant | Refusal:
        if self._clock() - begun > STALE_SECONDS:
            self._not_sent(grant)
            return Refusal(0.0, "budget", final=False)
        self._in_flight[grant.id] = self._mirror.incarnation
        return grant

    def _reserve_from_lease(self, reservation: Reservation) -> Grant | Refusal:
        if not self._lease.take(reservation.priority, self._clock()):
            return Refusal(UNREACHABLE_SECONDS, "unreachable", final=True)
        grant = self._next_grant(reservation)
        self._in_flight[grant.id] = ""
        return grant

    def _not_sent(self, grant: Grant) -> None:
        """Take back a debit that the server may have made for a call that was not sent."""
        self.report(grant, CallOutcome("unsent", verdict="unknown"))
        self._beats.wake()

    async def _report_all(self) -> None:
        """Send the outcomes that the server does not know yet, until some cannot be sent.

        Each is numbered: the server recognises one whose reply was lost.
        """
        async with self._reporting:
            while self._unreported:
                batch = [
                    self._unreported.popleft() for _ in range(min(len(self._unreported), BATCH))
                ]
                begun = self._clock()
                outcomes = [
                    word
                    for number, each in enumerate(batch, self._reports)
                    for word in (str(number), *each.arguments(begun))
                ]
                try:
                    reply = await self._connection.call("report", *self._common(), *outcomes)
                except ServerUnreachable:
                    self._unreported.extendleft(reversed(batch))
                    self._beats.wake()
                    return
                self._reports += len(batch)
                self._adopt(reply, begun)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
