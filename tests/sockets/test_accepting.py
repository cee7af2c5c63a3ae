"""A busy process accepts new connections as they come, not one for each turn of its event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

import uvloop

from gateway.sandbox.api import Sandbox
from gateway.server.http1.limits import ConnectionCounter, ConnectionLimits
from gateway.server.uvicorn import ACCEPTED, Listener, bind, serve


async def turns_to_accept(count: int) -> int:
    """How often the loop turns until connections that have come at once are accepted."""
    crowd, up = ConnectionCounter(ConnectionLimits()), asyncio.Event()
    stops: list[Callable[[], None]] = []
    place = bind("127.0.0.1", 0)
    site = Listener(Sandbox(), place, connections=crowd)
    serving = asyncio.create_task(serve([site], up.set, stops.append))
    await up.wait()
    turns = 0
    with contextlib.ExitStack() as clients:
        for _ in range(count):  # the kernel accepts them, without the loop
            clients.enter_context(socket.create_connection(place.getsockname()))
        while crowd.open < count:
            await asyncio.sleep(0)
            turns += 1
    stops[0]()
    assert await serving
    return turns


def test_connections_that_come_at_once_are_accepted_in_few_turns_of_the_event_loop() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns_to_accept(ACCEPTED)) <= ACCEPTED / 2
