"""Applications on sockets: several in one process, started together and drained together."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import resource
import signal
import socket
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.loops.auto import auto_loop_factory

from gateway.addresses import authority
from gateway.server.fast_path import FastPathProtocol
from gateway.server.http1.limits import ConnectionCounter, ConnectionLimits
from gateway.server.http1.turns import TurnQueue
from gateway.server.protocol import LimitedHTTPProtocol
from gateway.settings import PREFIX, ConfigurationError
from gateway.web.protocol.cors import Cors

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
    from typing import Any

    from starlette.types import ASGIApp

    from gateway.web.direct import FastPathHandler

FILES = 65_536
"""Open files asked for, where the system allows as many."""
UNREAD = 64 * 1024
"""Bytes of answers, about, that the kernel holds for a client that does not read them."""
UNTAKEN = 64 * 1024
"""Bytes of requests, about, that the kernel holds and this process has not read."""
LARGE = 32 * 1024
"""Bytes from which on a buffer is one of the system's own."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""mallopt(3)'s M_MMAP_THRESHOLD and M_TRIM_THRESHOLD."""
DRAIN_SECONDS = 20
"""How long accepted requests may take to end once asked to stop."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An application and the socket it answers on."""

    app: ASGIApp
    socket: socket.socket
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    direct: FastPathHandler | None = None
    """Answers plain requests before `app`; None sends every request through ASGI alone."""
    cors: Cors = field(default_factory=Cors)
    """What the server's own refusals say to pages of other origins."""


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises `ConfigurationError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections have them from here: by itself the kernel would hold megabytes for each.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNTAKEN)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"cannot listen on {authority(host, port)}: {error.strerror or error}."
            f" Set {PREFIX}HOST and {PREFIX}PORT, or --port, to an address that is free."
        ) from None
    return bound


def run(serving: Coroutine[Any, Any, bool]) -> bool:
    """See `serving` through, on uvloop where there is one; whether it came up.

    What start-up made stays for good, so it is left out of garbage collection, which then
    comes by less often than for a program that makes and drops large structures.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    _return_memory()
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(serving)


class _Server(uvicorn.Server):
    """uvicorn's server, leaving signals to whoever runs several of them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.started_or_failed = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.started_or_failed.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(site: Listener) -> uvicorn.Config:
    connection = partial(
        LimitedHTTPProtocol
        if site.direct is None
        else partial(FastPathProtocol, direct=site.direct),
        patience=site.limits,
        crowd=ConnectionCounter(site.limits),
        turns=TurnQueue(),
        cors=site.cors,
    )
    return uvicorn.Config(
        site.app,
        http=connection,  # type: ignore[arg-type]  # called as the class would be
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,  # its messages go where ours go, and are redacted with them
        log_level="error",  # its warnings are what any stranger may cause
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=site.limits.keep_alive_timeout,  # type: ignore[arg-type]  # as precise as a timer
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def _return_memory() -> None:
    """Have the C library, where it is glibc, return large buffers to the system once freed.

    By itself it keeps them between small ones, and a process stays as large as it ever was.
    """
    with contextlib.suppress(AttributeError, OSError):
        tune = ctypes.CDLL(None).mallopt
        tune(_MMAP_THRESHOLD, LARGE)
        tune(_TRIM_THRESHOLD, 4 * LARGE)


def _raise_file_limit() -> None:
    """Allow as many open files as this process may have: each connection is one."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if most != resource.RLIM_INFINITY else max(allowed, FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, min(wanted, FILES)), most))


def on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on each SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)


async def serve(
    sites: Sequence[Listener],
    started: Callable[[], None],
    stopping: Callable[[Callable[[], None]], None] = on_signals,
) -> bool:
    """Answer on every site until stopped, then drain; whether all came up.

    `stopping` takes what stops it; a second stop ends what is still running at once.
    """
    _raise_file_limit()
    servers = [_Server(_config(site)) for site in sites]

    def stop() -> None:
        for server in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    stopping(stop)
    tasks = [
        asyncio.create_task(server.serve(sockets=[site.socket]))
        for server, site in zip(servers, sites, strict=True)
    ]
    for server in servers:
        await server.started_or_failed.wait()
    came_up = all(server.started for server in servers)
    if came_up:
        started()
    else:
        stop()
    # The first site is the one people talk to: the others stay up until it has drained.
    for server, task in zip(servers, tasks, strict=True):
        await task
        server.should_exit = True
    return came_up
