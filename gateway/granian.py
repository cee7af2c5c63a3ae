"""Granian in uvicorn's place: the same promises, HTTP spoken in Rust."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from gateway.settings import Misconfigured

try:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server.embed import Server
except ImportError:
    raise Misconfigured(
        "GATEWAY_SERVER=granian needs its package: pip install 'clients-gateway[granian]'"
    ) from None

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from starlette.types import ASGIApp

HEAD_MS = 10_000
"""How long they may take to arrive, in milliseconds."""


async def serve(app: ASGIApp, place: socket.socket, started: Callable[[], None]) -> bool:
    """Answer at the address `place` is bound to until SIGINT or SIGTERM, then drain.

    Whether it came up. A second signal ends what is still running at once. Granian binds for
    itself, so `place` is let go; nobody else is told its port before.
    """
    host, port = place.getsockname()[:2]
    place.close()
    server = Server(
        app,
        host,
        port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_MS),
        websockets=False,
        backlog=2048,
        log_enabled=False,
    )
    serving = asyncio.ensure_future(server.serve())

    def stop() -> None:
        if server.interrupt_signal:
            serving.cancel()
        server.stop()  # type: ignore[no-untyped-call]

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    came_up = await _listening(host, port, serving)
    if came_up:
        started()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    return came_up


async def _listening(host: str, port: int, serving: asyncio.Future[None]) -> bool:
    """Whether the server took a connection before it ended."""
    while not serving.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return True
        await asyncio.sleep(0.01)
    return False
