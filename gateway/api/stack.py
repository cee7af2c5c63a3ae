"""How requests go out: each retry is paid for, and only what was really sent is counted."""

from __future__ import annotations

import time
from random import random as chance
from typing import TYPE_CHECKING

from gateway.api.error_envelope import succeeded
from gateway.api.failures import refused
from gateway.api.retry import RetryingTransport
from gateway.ratelimit.limiter import RateLimiter
from gateway.ratelimit.window import RateLimitWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from gateway.ratelimit.credentials import CredentialStore


def compose_transport(  # noqa: PLR0913 - every part by its name
    wire: httpx.AsyncBaseTransport,
    *,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = chance,
    limit: int = 500,
    at_once: int = 16,
    proven: CredentialStore | None = None,
) -> tuple[httpx.AsyncBaseTransport, RateLimiter]:
    """Retry(Budget(wire)) and the budget in it. Closing the transport closes the wire.

    `limit`: calls in a window; `at_once`: calls in flight together; `proven`: where it outlives
    the process which credentials the API accepts.
    """
    budget = RateLimiter(
        wire,
        ledger=RateLimitWindow(limit=limit),
        proven=proven,
        clock=clock,
        at_once=at_once,
        waiting=12 * at_once,
        accepts=succeeded,
        refuses=refused,
    )
    retry = RetryingTransport(
        budget, budget=budget.state, clock=clock, random=random, known=budget.proven
    )
    return retry, budget
