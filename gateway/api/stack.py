"""Compose the API's client: each retry is charged, and only requests that were sent are counted."""

from collections.abc import Callable
from dataclasses import replace

from gateway.api.error_envelope import succeeded
from gateway.api.failures import refused
from gateway.api.retry import CHANCE, RetryPolicy
from gateway.api.source import RestClientSource
from gateway.ratelimit.limiter import LimiterOptions, RateLimiter
from gateway.shared_budget import SharedBudget
from gateway.transport.transport import Transport


def compose_source(
    transport: Transport,
    base_url: str,
    options: LimiterOptions,
    *,
    random: Callable[[], float] = CHANCE,
    shared: SharedBudget | None = None,
) -> tuple[RestClientSource, RateLimiter]:
    """Return the source of clients at `base_url`, and the rate limiter before `transport`.

    Closing the limiter closes `transport`. `shared`: the budget of all gateways behind one address.
    """
    options = replace(options, accepts=succeeded, refuses=refused)
    clock = options.clock
    if shared is None:
        limiter = RateLimiter(transport, options)
    else:  # 2 ms of the start: imported only where a budget is shared
        from gateway.ratelimit.shared.limiter import SharedRateLimiter  # noqa: PLC0415

        limiter = SharedRateLimiter(transport, shared, options)
    retries = RetryPolicy(
        state=limiter.state, verified=limiter.proven, clock=clock, random=random, shared=shared
    )
    return RestClientSource(limiter, base_url, retries, clock=clock), limiter
