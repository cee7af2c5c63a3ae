"""The ends of calls and the errors of refused ones, between the API and the shared budget."""

import math

from gateway.ratelimit.outcomes import POINTLESS
from gateway.shared_budget import CallOutcome, Refusal, Verdict
from gateway.transport.errors import was_never_sent
from gateway.transport.messages import Response
from gateway.transport.rate_limit_headers import limited, parse_rate_limit, retry_delay_of_429
from schema.source.errors import RateLimited

_REASONS = {
    "budget": "The API's request budget is spent",
    "share": "Your share of the API's request budget is spent",
    "unknown": "Many unverified credentials are being tried",
    "learning": "The request budget that the gateways share is being restored",
    "unreachable": "The request budget that the gateways share cannot be reached",
}


def outcome_of(end: Response | BaseException, verdict: Verdict) -> CallOutcome:
    """Return what the end of a call proves."""
    if not isinstance(end, Response):
        return CallOutcome("unsent" if was_never_sent(end) else "lost", verdict=verdict)
    is_limited = limited(end)
    return CallOutcome(
        "response",
        parse_rate_limit(end.headers),
        is_limited,
        retry_delay_of_429(end.headers) if is_limited else None,
        verdict,
        end.status_code in POINTLESS,
    )


def error_of(refusal: Refusal) -> RateLimited:
    """Return the error of a call that the shared budget does not grant."""
    seconds = math.ceil(max(refusal.seconds, 1.0))
    return RateLimited(
        f"{_REASONS[refusal.reason]}; ask again in {seconds} s.", retry_after=seconds
    )
