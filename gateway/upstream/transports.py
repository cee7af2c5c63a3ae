"""How requests go out: each retry is paid for, and only what was really sent is counted."""

from __future__ import annotations

import time
from random import random as chance
from typing import TYPE_CHECKING

from gateway.upstream.budget import Budget
from gateway.upstream.meter import Meter
from gateway.upstream.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


def compose(
    wire: httpx.AsyncBaseTransport,
    *,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = chance,
) -> tuple[httpx.AsyncBaseTransport, Budget]:
    """Retry(Budget(Meter(wire))) and the budget in it. Closing the transport closes the wire."""
    budget = Budget(Meter(wire), clock=clock)
    return Retry(budget, budget=budget.state, clock=clock, random=random), budget
