"""The state of a gateway for its status page."""

from collections import Counter
from typing import Any

from gateway.telemetry.metrics import Metrics
from gateway.telemetry.recent_calls import OTHERS
from gateway.telemetry.upstream_calls import ANSWERED, LOST

MAX_CALLERS = 8
"""Callers that are shown; the others are added up."""
HASH_DIGITS = 8
"""Digits of a caller's hash that are shown."""
_REFUSED = 400


def status_of(metrics: Metrics) -> dict[str, Any]:
    """Return the state; a caller is a part of the keyed hash of its credential."""
    return {
        **_budget(metrics),
        "callers": _callers(metrics.upstream.recent.callers()),
        **_served(metrics),
        **_webhooks(metrics),
        "shared": _shared(metrics),
    }


def _budget(metrics: Metrics) -> dict[str, Any]:
    limiter, recent = metrics.limiter, metrics.upstream.recent
    if limiter is None:
        return {}
    window, now = limiter.state(), limiter.activity()
    left, waiting, calls = limiter.left(), limiter.waiting(), recent.lanes()
    return {
        "window": {
            "limit": window.limit,
            "remaining": window.remaining,
            "resetSeconds": window.reset_seconds,
        },
        "burnDown": recent.burn_down(),
        "lanes": [
            {"lane": lane, "left": left[lane], "waiting": waiting[lane], "calls": calls[lane]}
            for lane in left
        ],
        "inFlight": now["in_flight"],
        "breaker": bool(now["breaker"]),
        "unverifiedBreaker": bool(now["unverified_breaker"]),
        "gate": bool(now["gate_open"]),
    }


def _callers(calls: Counter[str]) -> list[dict[str, Any]]:
    most = [pair for pair in calls.most_common(MAX_CALLERS + 1) if pair[0] != OTHERS][:MAX_CALLERS]
    rest = calls.total() - sum(count for _, count in most)
    shown = [{"caller": caller[:HASH_DIGITS], "calls": count} for caller, count in most]
    return [*shown, {"caller": None, "calls": rest}] if rest else shown


def _served(metrics: Metrics) -> dict[str, Any]:
    calls, refusals, sums = Counter[str](), Counter[str](), Counter[str]()
    for call, count in metrics.upstream.calls.items():
        calls[call.outcome] += count
    for (_, code, status), tally in metrics.requests.tallies.items():
        sums["requests"] += tally.count
        for what in ("stored", "saved", "joined", "stale"):
            sums[what] += getattr(tally, what)
        if status >= _REFUSED:
            refusals[code] += tally.count
    return {
        "calls": calls[ANSWERED] + calls[LOST],
        "lost": calls[LOST],
        "subscriptions": metrics.subscriptions(),
        "requests": sums["requests"],
        "stored": sums["stored"],
        "saved": sums["saved"],
        "joined": sums["joined"],
        "refusals": dict(refusals.most_common()),
        "writes": {f"{kind} {end}": n for (kind, end), n in metrics.writes.items() if n},
    }


def _webhooks(metrics: Metrics) -> dict[str, Any]:
    received = metrics.webhooks()
    return {"webhooks": received.get("webhooks", {}), "proof": received.get("freshness")}


def _shared(metrics: Metrics) -> dict[str, Any] | None:
    shared = metrics.shared
    if shared is None:
        return None
    return {"reachable": shared.is_reachable, "gateways": shared.gateways}
