"""The metrics as Prometheus reads them; each is made from counts and state when it is shown."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.ratelimit.limiter import RateLimiter
from gateway.telemetry.families import PREFIX, Labels, counter, gauge, histogram, number, single
from gateway.telemetry.histogram import Histogram
from gateway.telemetry.loop_lag import LoopLag
from gateway.telemetry.metrics import (
    MeasuredConnections,
    MeasuredStore,
    Metrics,
)
from gateway.telemetry.requests import RequestCounts
from gateway.telemetry.upstream_calls import UpstreamCounts

_REFUSED = 400
"""The least status of a request that was not executed."""


class GatewayCollector(Collector):
    """Shows the metrics of one gateway, under OpenTelemetry's names where it has some."""

    def __init__(self, metrics: Metrics, lag: LoopLag) -> None:
        self._metrics = metrics
        self._lag = lag

    def describe(self) -> Iterable[Metric]:
        """Describe nothing beforehand."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return every metric at its present value."""
        metrics = self._metrics
        yield from _upstream(metrics.upstream)
        yield from _requests(metrics.requests)
        yield counter("writes", "Writes.", ["kind", "outcome"], metrics.writes.items())
        yield from _webhooks(metrics.webhooks())
        if metrics.limiter is not None:
            yield from _rate_limit(metrics.limiter)
        lookups = metrics.lookups().items()
        yield counter("cache_lookups", "Lookups.", ["kind", "result"], lookups)
        if metrics.store is not None:
            yield from _store(metrics.store)
        if metrics.connections is not None:
            yield from _connections(metrics.connections)
        yield number("subscriptions_open", "Subscriptions.", metrics.subscriptions())
        if metrics.shared is not None:
            reachable = metrics.shared.is_reachable
            yield number("shared_budget_reachable", "1 if its server replies.", reachable)
            yield number("shared_budget_gateways", "Those that share it.", metrics.shared.gateways)
        lag = [((), self._lag.durations)]
        yield histogram(f"{PREFIX}event_loop_lag_seconds", "Delay of what is due.", [], lag)


def _upstream(counts: UpstreamCounts) -> Iterator[Metric]:
    labels = ["method", "status", "priority", "outcome"]
    yield counter("upstream_requests", "Calls of the API.", labels, counts.calls.items())
    yield histogram(
        "http_client_request_duration_seconds",
        "Duration of calls of the API.",
        ["http_request_method"],
        (((method,), durations) for method, durations in counts.durations.items()),
    )
    waits = [((), counts.waits)]
    yield histogram(f"{PREFIX}upstream_queue_wait_seconds", "Waits for a permit.", [], waits)


def _requests(counts: RequestCounts) -> Iterator[Metric]:
    operations, refusals, sums = Counter[Labels](), Counter[Labels](), Counter[Labels]()
    durations = defaultdict[Labels, Histogram](Histogram)
    for (operation, code, status), tally in counts.tallies.items():
        operations[operation, code] += tally.count
        if status >= _REFUSED:
            refusals[(code,)] += tally.count
        durations[operation, status].merge(tally)
        for what in ("saved", "joined", "stale", "stored"):
            sums[(what,)] += getattr(tally, what)
    yield counter("operations", "GraphQL requests.", ["operation", "code"], operations.items())
    about = "GraphQL requests that were not executed."
    yield counter("refusals", about, ["code"], refusals.items())
    labels = ["graphql_operation_name", "http_response_status_code"]
    about, name = "Duration of GraphQL requests.", "http_server_request_duration_seconds"
    yield histogram(name, about, labels, durations.items())
    about = "Sums of all receipts, and the number of stored responses."
    yield counter("receipts", about, ["what"], sums.items())


def _webhooks(received: Mapping[str, Any]) -> Iterator[Metric]:
    counts = single(received.get("webhooks", {}))
    yield counter("webhooks", "Webhooks.", ["result"], counts)
    if (proof := received.get("freshness")) is not None:
        yield number("webhooks_proven", "1 while they are proven to arrive.", proof["proven"])


def _rate_limit(limiter: RateLimiter) -> Iterator[Metric]:
    window, now = limiter.state(), limiter.activity()
    yield number("rate_limit_limit", "Calls of a window.", window.limit)
    yield number("rate_limit_remaining", "Calls left in the window.", window.remaining)
    yield number("rate_limit_reset_seconds", "Seconds until it ends.", window.reset_seconds)
    waiting = single(limiter.waiting())
    yield gauge("upstream_queue_depth", "Calls that wait.", ["priority"], waiting)
    yield number("upstream_in_flight", "Calls in flight.", now["in_flight"])
    breakers = {"verified": now["breaker"], "unverified": now["unverified_breaker"]}
    yield gauge("circuit_breaker_open", "1 if open.", ["credentials"], single(breakers))
    yield number("rate_limit_gate_open", "0 after a 429.", now["gate_open"])


def _store(store: MeasuredStore) -> Iterator[Metric]:
    yield number("cache_bytes", "Bytes held.", store.held_bytes)
    dropped = single(store.dropped)
    yield counter("cache_evictions", "Entries removed, by reason.", ["reason"], dropped)


def _connections(connections: MeasuredConnections) -> Iterator[Metric]:
    yield number("connections_open", "Connections of clients.", connections.open)
    held = connections.held_bytes
    yield number("connections_held_bytes", "Unfinished requests and unread responses.", held)
    refused = [((), connections.refused)]
    yield counter("connections_refused", "Connections beyond a limit.", [], refused)
