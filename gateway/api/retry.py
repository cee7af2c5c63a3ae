"""The only module that retries a request."""

from __future__ import annotations

import asyncio
import time
from random import SystemRandom
from typing import TYPE_CHECKING

import httpx

from gateway.api.failures import refused
from gateway.api.retry_budget import RetryBudget, fits_deadline, full_jitter
from gateway.call_context import context_of
from gateway.transport.errors import (
    CertificateError,
    InvalidRequest,
    ResponseTooLarge,
    was_never_sent,
)
from gateway.transport.rate_limit_headers import retry_after, retry_delay_of_429
from gateway.transport.transport import Transport, begin_with
from schema.source.errors import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from schema.source.request_context import RateLimitState

CHANCE = SystemRandom().random
"""A number from 0 to 1, drawn without the state that the `random` module shares."""
TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})
"""Statuses of transient faults, which may end within seconds."""
PERMANENT_ERRORS = (ResponseTooLarge, InvalidRequest, CertificateError)
"""Errors that a second attempt would repeat."""
REFUSED = 429
PATIENCE = 2.0
"""Longest Retry-After, in seconds, that is waited for within a request."""

Attempt = httpx.Response | httpx.TransportError


class RetryingTransport(Transport):
    """Makes at most one second attempt, only if it cannot repeat an effect of the first.

    It retries a GET after a transient fault, any request that was never sent, and any request that
    the API rejected by a 429 with a short delay. Each attempt passes the inner transports and is
    charged. `budget` returns the state of the window; with less than a fifth left, no retries are
    made.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        budget: Callable[[], RateLimitState],
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = CHANCE,
        known: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`known`: whether the API accepts the credential with this keyed hash.

        Requests with an unverified credential have a separate retry budget.
        """
        self._inner = begin_with(inner)
        self._budget = budget
        self._clock = clock
        self._random = random
        self._retry_budget, self._unverified_budget = RetryBudget(), RetryBudget()
        self._known = known

    def send(self, request: httpx.Request) -> asyncio.Future[httpx.Response]:
        """Make the first attempt."""
        return self._inner.send(request)

    def ended(self, first: asyncio.Future[httpx.Response]) -> httpx.Response | None:
        """Return the first response if it has arrived and needs no retry (the common case)."""
        answer = super().ended(first)
        if (
            answer is None
            or answer.status_code in TRANSIENT_STATUSES
            or answer.status_code == REFUSED
        ):
            return None
        self._retry_budget.called(self._clock())
        return answer

    async def end(
        self, request: httpx.Request, first: asyncio.Future[httpx.Response]
    ) -> httpx.Response:
        """Return the result of `first`, or of a second attempt if one is allowed."""
        attempt = await _attempt(first)
        now = self._clock()
        self._retry_budget.called(now)  # a request that the budget refused is not a call
        pause = self._pause(request.method, attempt)
        if pause is None or not self._allowed(request, attempt, pause, now):
            return _answer(attempt)
        await asyncio.sleep(pause)
        try:
            return _answer(await _attempt(self._inner.send(request)))
        except ClientError:
            # The budget refused the second attempt: the result of the first one stands.
            return _answer(attempt)

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()

    def _allowed(self, request: httpx.Request, first: Attempt, pause: float, now: float) -> bool:
        """Return True if a second attempt may be made after `pause` seconds."""
        if pause > PATIENCE or not fits_deadline(
            pause, now=now, deadline=context_of(request).deadline
        ):
            return False
        if isinstance(first, httpx.Response) and first.status_code == REFUSED:
            # A wait, not a retry: the rate limiter lets a single request through first as a probe.
            return True
        known = self._known(context_of(request).credential)
        return (self._retry_budget if known else self._unverified_budget).take(now, self._budget())

    def _pause(self, method: str, first: Attempt) -> float | None:
        """Return the seconds to wait before a second attempt; None if there must not be one."""
        if isinstance(first, httpx.Response):
            if first.status_code == REFUSED:
                if method != "GET" and not refused(first):
                    return None  # it may have been carried out
                return retry_delay_of_429(first.headers)
            if method != "GET" or first.status_code not in TRANSIENT_STATUSES:
                return None
            return max(full_jitter(self._random), retry_after(first.headers) or 0.0)
        if isinstance(first, PERMANENT_ERRORS) or not (method == "GET" or was_never_sent(first)):
            return None
        return full_jitter(self._random)


async def _attempt(begun: asyncio.Future[httpx.Response]) -> Attempt:
    try:
        return await begun
    except httpx.TransportError as error:
        return error


def _answer(attempt: Attempt) -> httpx.Response:
    if isinstance(attempt, httpx.TransportError):
        raise attempt
    return attempt
