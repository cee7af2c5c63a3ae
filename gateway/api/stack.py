"""Compose the transport: each retry is charged, and only requests that were sent are counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gateway.api.error_envelope import succeeded
from gateway.api.failures import refused
from gateway.api.retry import CHANCE, RetryingTransport
from gateway.ratelimit.limiter import RateLimiter
from gateway.ratelimit.window import RateLimitWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from gateway.ratelimit.credentials import CredentialStore


def compose_transport(  # noqa: PLR0913 - every parameter has a name
    wire: httpx.AsyncBaseTransport,
    *,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = CHANCE,
    limit: int = 500,
    at_once: int = 16,
    waiting: int = 192,
    proven: CredentialStore | None = None,
) -> tuple[httpx.AsyncBaseTransport, RateLimiter]:
    """Return `RetryingTransport(RateLimiter(wire))` and the rate limiter in it.

    Closing the transport closes `wire`. `limit`: calls in a window; `at_once`: concurrent calls;
    `waiting`: calls in the queue; `proven`: persistent storage of the credentials that the API
    accepts.
    """
    budget = RateLimiter(
        wire,
        ledger=RateLimitWindow(limit=limit),
        proven=proven,
        clock=clock,
        at_once=at_once,
        waiting=waiting,
        accepts=succeeded,
        refuses=refused,
    )
    retry = RetryingTransport(
        budget, budget=budget.state, clock=clock, random=random, known=budget.proven
    )
    return retry, budget
