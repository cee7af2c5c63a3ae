"""The API's fixed window, counted exactly, and gateways that send as fast as they may."""

import asyncio
from collections.abc import Callable, Iterable
from random import Random

from gateway.shared_budget import CallOutcome, Grant, Refusal, Reservation, SharedBudget
from gateway.transport.rate_limit_status import RateLimitStatus
from schema.source.request_context import Priority


class FixedWindow:
    """Counts calls as the API does: a window begins with the first call after the last one.

    With `headers` responses state the calls left.
    """

    def __init__(
        self, limit: int, seconds: float, clock: Callable[[], float], *, headers: bool = False
    ) -> None:
        self._limit, self._seconds, self._clock = limit, seconds, clock
        self._headers = headers
        self._ends = 0.0
        self.windows: list[int] = []
        """Calls in each window."""

    def call(self) -> CallOutcome:
        now = self._clock()
        if now >= self._ends:
            self._ends = now + self._seconds
            self.windows.append(0)
        self.windows[-1] += 1
        left = self._limit - self.windows[-1]
        status = RateLimitStatus()
        if self._headers:
            status = RateLimitStatus(self._limit, max(0, left), self._ends - now)
        return CallOutcome("response", status, limited=left < 0, delay=self._ends - now)


class Senders:
    """Tasks that send writes through several gateways, each as fast as it may."""

    def __init__(self, api: FixedWindow, chance: Random) -> None:
        self._api, self._chance = api, chance

    async def send(self, budgets: Iterable[SharedBudget], *, tasks: int, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        async with asyncio.TaskGroup() as group:
            for budget in budgets:
                for number in range(tasks):
                    group.create_task(self._send(budget, f"caller-{number}", until))

    async def _send(self, budget: SharedBudget, caller: str, until: float) -> None:
        loop = asyncio.get_running_loop()
        reservation = Reservation(Priority.WRITE, caller, caller, proven=True, patience=2.0)
        while loop.time() < until:
            decided = await budget.reserve(reservation)
            if isinstance(decided, Refusal):
                await asyncio.sleep(min(0.5, max(0.02, decided.seconds)))
            else:
                await self._call(budget, decided)

    async def _call(self, budget: SharedBudget, grant: Grant) -> None:
        await asyncio.sleep(self._chance.uniform(0.0, 0.01))
        outcome = self._api.call()
        await asyncio.sleep(self._chance.uniform(0.0, 0.5))
        budget.report(grant, outcome)
