"""What starts and stops with the gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from gateway.detached_tasks import DetachedTasks
from gateway.ratelimit.limiter import RateLimiter
from gateway.storage.state_dir import State
from gateway.web.health import Readiness
from gateway.writes.idempotency_store import IdempotencyStore

if TYPE_CHECKING:
    from gateway.telemetry.traces.tracing import Tracing

WRITE_SECONDS, LEAST_SECONDS = 15.0, 2.0
"""Seconds from the begin of a stop until its writes are cancelled, which is past their deadlines,
and the least of them that are left when the last request has ended."""


class SharedParts(Protocol):
    """What the gateway shares with others."""

    async def start(self) -> None:
        """Begin to share."""

    async def aclose(self) -> None:
        """Send what the others do not know yet."""


def lifespan_of(  # noqa: PLR0913, PLR0917 - what starts and stops with the gateway
    readiness: Readiness,
    shared: SharedParts | None,
    intents: IdempotencyStore | None,
    writes: DetachedTasks,
    budget: RateLimiter,
    state: State,
    tracing: Tracing | None,
) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """Return the lifespan of the gateway: what starts with it, and in which order it ends."""

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        if shared is not None:
            await shared.start()
        readiness.ready = True
        if tracing is not None:
            tracing.begin()
        expiry = None if intents is None else asyncio.create_task(intents.expire_hourly())
        try:
            yield
        finally:
            readiness.ready = False
            left = WRITE_SECONDS - readiness.stopping_for
            if expiry is not None:
                expiry.cancel()
            await writes.aclose(max(LEAST_SECONDS, left))
            if shared is not None:
                await shared.aclose()
            await budget.aclose()
            await state.database.aclose()
            if tracing is not None:
                await tracing.aclose()

    return lifespan
