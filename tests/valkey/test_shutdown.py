"""What becomes of calls that wait for the shared budget when the gateway stops."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.ratelimit.limiter import LimiterOptions
from gateway.ratelimit.shared.limiter import SharedRateLimiter
from gateway.shared_budget import CallOutcome, Grant, Refusal, Reservation, SharedWindow
from schema.source.errors import Unavailable
from schema.source.request_context import RateLimitState
from tests.clockwork import VIRTUAL
from tests.upstream.transports.conftest import OK, Scripted, request


@pytest.fixture
def anyio_backend() -> tuple[str, Any]:
    return VIRTUAL


class SpentBudget:
    """A budget that grants nothing for another second."""

    is_reachable = True
    gateways = 1

    def __init__(self) -> None:
        self.reservations = 0

    async def reserve(self, reservation: Reservation) -> Grant | Refusal:
        del reservation
        self.reservations += 1
        return Refusal(1.0, "budget", final=False)

    def report(self, grant: Grant, outcome: CallOutcome) -> None: ...

    async def allow_retry(self, *, known: bool) -> bool:
        return known

    def state(self) -> RateLimitState:
        return RateLimitState(500, 0, 1)

    def when_changed(self, act: Callable[[SharedWindow], None]) -> None: ...

    def start(self) -> None: ...

    async def aclose(self) -> None: ...


async def test_a_call_that_waits_for_its_next_reservation_is_rejected_at_once() -> None:
    clock, budget = asyncio.get_running_loop().time, SpentBudget()
    limiter = SharedRateLimiter(Scripted([OK]), budget, LimiterOptions(clock=clock))
    response = limiter.send(request(deadline=clock() + 10))
    await asyncio.sleep(0.1)

    await limiter.aclose()

    assert response.done()
    assert isinstance(response.exception(), Unavailable)
    await asyncio.sleep(5)
    assert budget.reservations == 1
