"""The counts of one gateway, and the parts whose state is read when they are shown."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gateway.ratelimit.limiter import RateLimiter
from gateway.shared_budget import SharedBudget
from gateway.telemetry.requests import RequestCounts
from gateway.telemetry.upstream_calls import MeasuredTransport, UpstreamCounts
from gateway.telemetry.write_outcomes import MeasuredWriter
from gateway.transport.transport import Transport
from schema.source.protocols import ClientWriter


class MeasuredStore(Protocol):
    """The cache's memory."""

    @property
    def held_bytes(self) -> int:
        """Bytes held."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Entries lost, by reason."""


class MeasuredConnections(Protocol):
    """The connections of clients."""

    @property
    def open(self) -> int:
        """Connections that are open."""

    @property
    def held_bytes(self) -> int:
        """Bytes of unfinished requests and unread responses."""

    @property
    def refused(self) -> int:
        """Connections that exceeded a limit."""


class Metrics:
    """What one gateway counts, and the parts that are read when the counts are shown."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.upstream = UpstreamCounts(clock)
        self.requests = RequestCounts()
        self.writes: Counter[tuple[str, str]] = Counter()
        """Writes by kind and outcome."""
        self.limiter: RateLimiter | None = None
        self.lookups: Callable[[], Mapping[tuple[str, str], int]] = dict
        """Returns the numbers of lookups in the cache, by kind and result."""
        self.store: MeasuredStore | None = None
        self.shared: SharedBudget | None = None
        self.webhooks: Callable[[], Mapping[str, Any]] = dict
        """Returns the `webhooks` received by result, and whether their `freshness` is proven."""
        self.connections: MeasuredConnections | None = None
        self.subscriptions: Callable[[], int] = int
        """Returns the number of subscriptions that are open."""

    def watch(self, limiter: RateLimiter, shared: SharedBudget | None) -> None:
        """Show the state of the rate limiter."""
        self.limiter, self.shared = limiter, shared
        self.upstream.recent.window = limiter.state
        limiter.when_waited(self.upstream.waits.observe)

    def transport(self, inner: Transport) -> Transport:
        """Return a transport that counts the calls that `inner` sends."""
        return MeasuredTransport(inner, self.upstream)

    def writer(self, inner: ClientWriter) -> ClientWriter:
        """Return a writer that counts the writes of `inner`."""
        return MeasuredWriter(inner, self.writes)
