"""Run several applications on sockets in one process; start and drain them together."""

import asyncio
import contextlib
import ctypes
import gc
import resource
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from gateway.addresses import authority
from gateway.server.fast_path import FastPathProtocol
from gateway.server.http1.limits import ConnectionCounter, ConnectionLimits
from gateway.server.http1.turns import TurnQueue
from gateway.server.protocol import LimitedHTTPProtocol
from gateway.server.undocumented import auto_loop_factory
from gateway.settings import PREFIX, ConfigurationError
from gateway.web.direct import FastPathHandler
from gateway.web.protocol.cors import Cors
from gateway.web.streaming.websocket_endpoint import WebSocketEndpoint

FILES = 65_536
"""Open files requested from the system, which may allow fewer."""
UNREAD = 64 * 1024
"""Approximate bytes of unread responses that the kernel buffers for a client."""
UNTAKEN = 64 * 1024
"""Approximate bytes of requests that the kernel buffers for this process."""
LARGE = 32 * 1024
"""Size in bytes from which a buffer is mapped separately, so that it can be returned."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of mallopt(3)."""
ACCEPTED = 8
"""Connections that a process of its own accepts in one turn of the event loop at most."""
_SETTINGS = f"{PREFIX}HOST and {PREFIX}PORT, or --port,"
DRAIN_SECONDS = 20
"""Seconds for which accepted requests may continue after a stop is requested."""
LAST_SECONDS = 1
"""The same for the other sites, once the first one has drained."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An application and the socket that it serves."""

    app: ASGIApp
    socket: socket.socket
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    direct: FastPathHandler | None = None
    """Answers plain requests before `app`; None sends every request through ASGI alone."""
    cors: Cors = field(default_factory=Cors)
    """The CORS rules for the server's own error responses."""
    websockets: WebSocketEndpoint | None = None
    """Accepts WebSockets, and ends subscriptions when the server stops; None has neither."""
    connections: ConnectionCounter | None = None
    """Counts the connections; None for a counter of its own."""
    accepted: int = ACCEPTED
    """Connections accepted in a turn of the event loop at most. The first of processes
    that share a socket takes so many: 1 spreads them more evenly."""


def bind(host: str, port: int, setting: str = "") -> socket.socket:
    """Create a socket bound to the address, which `setting` names; raises `ConfigurationError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; uvloop sets it always.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit these sizes; the kernel's defaults are megabytes for each.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNTAKEN)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"cannot listen on {authority(host, port)}: {error.strerror or error}."
            f" Set {setting or _SETTINGS} to an address that is free."
        ) from None
    return bound


def run(serving: Coroutine[Any, Any, bool]) -> bool:
    """Run `serving` to its end, on uvloop if installed; return whether the servers started.

    Objects made at start-up are permanent, so they are excluded from garbage collection, without a
    last one: it takes as long as a tenth of the imports and frees next to nothing. Collections are
    less frequent than by default.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    _return_memory()
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(serving)


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signal handling to `serve`."""

    def __init__(self, config: uvicorn.Config, websockets: WebSocketEndpoint | None) -> None:
        super().__init__(config)
        self._websockets = websockets
        self.started_or_failed = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.started_or_failed.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._websockets is not None:
            self._websockets.drain()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(site: Listener, drain_seconds: int) -> uvicorn.Config:
    connection = partial(
        LimitedHTTPProtocol
        if site.direct is None
        else partial(FastPathProtocol, direct=site.direct),
        patience=site.limits,
        crowd=site.connections or ConnectionCounter(site.limits),
        turns=TurnQueue(),
        cors=site.cors,
        websockets=site.websockets,
    )
    return uvicorn.Config(
        site.app,
        http=connection,  # type: ignore[arg-type]  # called like the class
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,  # the gateway configures and redacts all logs
        log_level="error",  # any client can cause warnings
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=site.limits.keep_alive_timeout,  # type: ignore[arg-type]  # a float works as well
        timeout_graceful_shutdown=drain_seconds,
    )


def _return_memory() -> None:
    """Make glibc, if it is the C library, return large freed buffers to the system.

    By default it keeps them between small ones, and the process never shrinks.
    """
    with contextlib.suppress(AttributeError, OSError):
        tune = ctypes.CDLL(None).mallopt
        tune(_MMAP_THRESHOLD, LARGE)
        tune(_TRIM_THRESHOLD, 4 * LARGE)


def _repeated(listening: socket.socket, times: int) -> list[socket.socket]:
    """Return a listening socket and its duplicates: libuv accepts one connection of each at a time.

    With a single one, new connections of a busy process wait for one turn of the event loop each.
    """
    return [listening, *(listening.dup() for _ in range(1, times))]


def _raise_file_limit() -> None:
    """Raise the limit of open files, up to `FILES`: each connection needs one."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if most != resource.RLIM_INFINITY else max(allowed, FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, min(wanted, FILES)), most))


def on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on each SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)


def on_hangup(action: Callable[[], object]) -> None:
    """Call `action` on each SIGHUP."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, action)


async def serve(
    sites: Sequence[Listener],
    started: Callable[[], None],
    stopping: Callable[[Callable[[], None]], None] = on_signals,
) -> bool:
    """Serve every site until stopped, then drain; return whether all of them started.

    `stopping` receives the function that stops the servers; its second call skips draining.
    """
    _raise_file_limit()
    servers = [
        _Server(_config(site, LAST_SECONDS if n else DRAIN_SECONDS), site.websockets)
        for n, site in enumerate(sites)
    ]

    def stop() -> None:
        for server in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    stopping(stop)
    tasks = [
        asyncio.create_task(server.serve(_repeated(site.socket, site.accepted)))
        for server, site in zip(servers, sites, strict=True)
    ]
    for server in servers:
        await server.started_or_failed.wait()
    came_up = all(server.started for server in servers)
    if came_up:
        started()
    else:
        stop()
    # The first site serves clients: the others stay up until it has drained.
    for server, task in zip(servers, tasks, strict=True):
        await task
        server.should_exit = True
    return came_up
