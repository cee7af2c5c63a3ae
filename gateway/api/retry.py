"""Decide whether a request is sent a second time."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from random import SystemRandom

from gateway.api.failures import refused
from gateway.ratelimit.call_context import Call
from gateway.ratelimit.dispatcher import MAX_WAIT
from gateway.shared_budget import SharedBudget
from gateway.transport.errors import (
    CertificateError,
    InvalidRequest,
    ResponseTooLarge,
    TransportError,
    was_never_sent,
)
from gateway.transport.messages import Response
from gateway.transport.rate_limit_headers import retry_after, retry_delay_of_429
from schema.source.request_context import RateLimitState

CHANCE = SystemRandom().random
"""A number from 0 to 1, drawn without the state that the `random` module shares."""
TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})
"""Statuses of transient faults, which may end within seconds."""
PERMANENT_ERRORS = (ResponseTooLarge, InvalidRequest, CertificateError)
"""Errors that a second attempt would repeat."""
REJECTED = 429
BACKOFF = 0.05
"""Upper bound of the backoff before the only retry, in seconds."""
WORTHWHILE = 0.25
"""Seconds that must remain after the backoff for an attempt to be worth starting."""

Attempt = Response | TransportError
"""How one attempt ended."""


def retry_delay(
    method: str, first: Attempt, *, left: float, affordable: bool, chance: float
) -> float | None:
    """Return the seconds to wait before a second attempt; None if there must not be one.

    A GET is retried after a transient fault, any request that was never sent, and any request that
    the API rejected by a 429 with a short delay. `left`: seconds until the deadline. `affordable`:
    whether the retry budget allows a retry. `chance`: a random number from 0 to 1.
    """
    delay = _delay(method, first, chance)
    if delay is None or delay > MAX_WAIT or left < delay + WORTHWHILE:
        return None
    # After a 429 the rate limiter lets a single request through first, as a probe: it is a wait.
    return delay if affordable or _is_rejection(first) else None


def _delay(method: str, first: Attempt, chance: float) -> float | None:
    if isinstance(first, TransportError):
        repeats = isinstance(first, PERMANENT_ERRORS)
        may = method == "GET" or was_never_sent(first)
        return chance * BACKOFF if may and not repeats else None
    if _is_rejection(first):
        carried_out = method != "GET" and not refused(first)
        return None if carried_out else retry_delay_of_429(first.headers)
    if method != "GET" or first.status_code not in TRANSIENT_STATUSES:
        return None
    return max(chance * BACKOFF, retry_after(first.headers) or 0.0)


def _is_rejection(first: Attempt) -> bool:
    return isinstance(first, Response) and first.status_code == REJECTED


class RetryBudget:
    """Limits retries, so that a fault of the API does not multiply the load on it.

    Retries are at most a tenth of the calls of the last 10 s (but at least one) and at most 10
    in 15 minutes; there are none while less than a fifth of the rate limit window is left.
    """

    SHARE, SPAN, FLOOR = 0.1, 10.0, 1
    MOST, WINDOW = 10, 900.0
    RESERVE = 0.2

    def __init__(self) -> None:
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque(maxlen=self.MOST)

    def called(self, now: float) -> None:
        """Record the first attempt of a call."""
        self._forget(now)
        self._calls.append(now)

    def allows(self, now: float, budget: RateLimitState) -> bool:
        """Return True if a retry is allowed now."""
        self._forget(now)
        recent = sum(at > now - self.SPAN for at in self._retries)
        return (
            len(self._retries) < self.MOST
            and recent < max(self.FLOOR, int(self.SHARE * len(self._calls)))
            and budget.remaining >= self.RESERVE * budget.limit
        )

    def retried(self, now: float) -> None:
        """Record a retry."""
        self._retries.append(now)

    def _forget(self, now: float) -> None:
        while self._calls and self._calls[0] <= now - self.SPAN:
            self._calls.popleft()
        while self._retries and self._retries[0] <= now - self.WINDOW:
            self._retries.popleft()


@dataclass(eq=False, repr=False)
class RetryPolicy:
    """Applies `retry_delay` within the retry budgets.

    Requests with an unverified credential have a budget of their own.
    """

    _: KW_ONLY
    state: Callable[[], RateLimitState]
    """Of the rate limit window: with less than a fifth left, nothing is retried."""
    verified: Callable[[str], bool] = lambda _: True
    """Whether the API accepts the credential with this keyed hash."""
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = CHANCE
    shared: SharedBudget | None = None
    """The retry budget of all gateways, which must allow a retry too."""

    def __post_init__(self) -> None:
        self._budget, self._unverified_budget = RetryBudget(), RetryBudget()

    def next_delay(self, call: Call, first: Attempt) -> float | None:
        """Record the first attempt of `call`; return the delay of a second one, or None."""
        now = self.clock()
        self._budget.called(now)
        if isinstance(first, Response) and first.is_success:
            return None
        verified = self.verified(call.context.credential)
        budget = self._budget if verified else self._unverified_budget
        delay = retry_delay(
            call.method,
            first,
            left=call.deadline - now,
            affordable=budget.allows(now, self.state()),
            chance=self.random(),
        )
        if delay is not None and not _is_rejection(first):
            budget.retried(now)
        return delay

    async def is_shared_budget_left(self, call: Call, first: Attempt) -> bool:
        """Return whether the retry budget of all gateways allows a second attempt of `call`."""
        if self.shared is None or _is_rejection(first):
            return True
        return await self.shared.allow_retry(known=self.verified(call.context.credential))
