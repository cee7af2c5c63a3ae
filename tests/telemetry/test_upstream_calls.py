"""A call of the API is counted by how it ended."""

import asyncio
from typing import Any

import pytest

from gateway.ratelimit.call_context import CallContext
from gateway.telemetry.upstream_calls import CallKey, MeasuredTransport, UpstreamCounts
from gateway.transport.errors import ConnectError, PoolTimeout, ReadError, ReadTimeout
from gateway.transport.messages import Request, Response
from gateway.transport.serializer import HeaderBlock, RequestTarget
from schema.source.request_context import Priority, Receipt
from tests.wires import CoroutineTransport, respond


class Ending(CoroutineTransport):
    """A transport all of whose calls end in one way."""

    def __init__(self, end: Response | BaseException) -> None:
        self._end = end

    async def handle(self, request: Request[Any]) -> Response:
        del request
        if isinstance(self._end, BaseException):
            raise self._end
        return self._end


@pytest.mark.parametrize(
    ("end", "status", "outcome"),
    [
        (respond(200), "200", "answered"),
        (respond(503), "503", "answered"),
        (ReadError("cut"), "", "lost"),
        (ReadTimeout("late"), "", "lost"),
        (ConnectError("refused"), "", "unsent"),
        (PoolTimeout("full"), "", "unsent"),
        (asyncio.CancelledError(), "", "lost"),
    ],
    ids=repr,
)
async def test_a_call_is_counted_by_how_it_ended(
    end: Response | BaseException, status: str, outcome: str
) -> None:
    counts, times = UpstreamCounts(), iter((1.0, 1.25))
    transport = MeasuredTransport(Ending(end), counts, lambda: next(times))

    context = CallContext(Priority.INTERACTIVE, "p", "c", Receipt())
    target = RequestTarget("http://api.test/v1/clients")
    await asyncio.wait([transport.send(Request("GET", target, HeaderBlock(), 1.0, context))])

    assert counts.calls == {CallKey("GET", status, "interactive", outcome): 1}
    assert (counts.durations["GET"].count, counts.durations["GET"].total) == (1, 0.25)
