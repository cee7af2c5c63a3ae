"""Counts of answered requests."""

from bisect import bisect_left
from typing import NamedTuple

from gateway.telemetry.histogram import BOUNDS, Histogram
from gateway.telemetry.observation import (
    ObservedOperation,
    ObservedRequest,
    Reply,
    StoredReplyRecorder,
)
from schema.source.request_context import Receipt

SUCCESS = "OK"
_LEAST = BOUNDS[0]


class RequestKey(NamedTuple):
    """The labels of a request."""

    operation: str
    """The label of its operation."""
    code: str
    """The code of its first error; `OK` without errors."""
    status: int


class RequestTally(Histogram):
    """Requests with the same labels: their durations, and what their receipts add up to."""

    __slots__ = ("executed", "joined", "saved", "stale")

    def __init__(self) -> None:
        super().__init__()
        self.saved = self.joined = self.stale = 0
        self.executed = 0
        """Those that no stored response answered."""

    @property
    def stored(self) -> int:
        """Return the number of requests that a stored response answered."""
        return self.count - self.executed

    def add_stored(self, _: Reply, receipt: Receipt, seconds: float) -> None:
        """Count a request that a stored response answered."""
        if seconds <= _LEAST:  # as `observe`, without its calls
            self.counts[0] += 1
        else:
            self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        self.saved += receipt.saved

    def add(self, receipt: Receipt | None, seconds: float) -> None:
        """Count a request that was executed, or refused."""
        self.observe(seconds)
        self.executed += 1
        if receipt is not None:
            self.saved += receipt.saved
            self.joined += receipt.joined
            self.stale += receipt.stale


class RequestCounts:
    """Answered requests by their labels."""

    def __init__(self) -> None:
        self.tallies: dict[RequestKey, RequestTally] = {}

    def record(self, request: ObservedRequest) -> None:
        """Count one request."""
        code = request.codes[0] if request.codes else SUCCESS
        key = RequestKey(request.operation.label, code, request.reply.status)
        self._tally(key).add(request.receipt, request.seconds)

    def stored(self, operation: ObservedOperation) -> StoredReplyRecorder:
        """Return what counts a request of this operation that a stored response answered."""
        return self._tally(RequestKey(operation.label, SUCCESS, 200)).add_stored

    def _tally(self, key: RequestKey) -> RequestTally:
        return self.tallies.get(key) or self.tallies.setdefault(key, RequestTally())
