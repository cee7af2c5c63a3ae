"""A transport that counts calls and their durations."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from gateway.telemetry.histogram import Histogram
from gateway.telemetry.recent_calls import RecentCalls
from gateway.transport.errors import was_never_sent
from gateway.transport.messages import Request, Response
from gateway.transport.transport import Transport

UNSENT, LOST, ANSWERED = "unsent", "lost", "answered"
"""Outcomes of calls: never sent, sent without a complete response, and with one."""


class CallKey(NamedTuple):
    """The labels of a call."""

    method: str
    status: str
    """Empty without a response."""
    priority: str
    outcome: str


class UpstreamCounts:
    """Calls of the API by their labels, and their durations by method."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.calls: Counter[CallKey] = Counter()
        self.durations: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.waits = Histogram()
        """Seconds for which calls waited for a permit; only of those that had to wait."""
        self.recent = RecentCalls(clock)


@dataclass(eq=False, repr=False)
class MeasuredTransport(Transport):
    """Counts the calls that `inner` sends; their context has a priority and a partition."""

    _inner: Transport
    _counts: UpstreamCounts
    _now: Callable[[], float] = time.perf_counter

    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Send a request, and count it when it has ended."""
        began = self._now()
        response = self._inner.send(request)
        response.add_done_callback(partial(self._count, request, began))
        return response

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()

    def _count(
        self, request: Request[Any], began: float, response: asyncio.Future[Response]
    ) -> None:
        (status, outcome), method = call_end(response), request.method
        priority = request.context.priority.name.lower()
        if outcome != UNSENT:
            self._counts.recent.add(priority, request.context.partition)
        self._counts.calls[CallKey(method, status, priority, outcome)] += 1
        self._counts.durations[method].observe(self._now() - began)


def call_end(response: asyncio.Future[Response]) -> tuple[str, str]:
    """Return the status, if there is one, and the outcome."""
    if response.cancelled():
        return "", LOST
    error = response.exception()
    if error is not None:
        return "", UNSENT if was_never_sent(error) else LOST
    return str(response.result().status_code), ANSWERED
