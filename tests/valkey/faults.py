"""A gateway as a process, and what may become of it, its clock and its server."""

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import httpx

from tests.e2e.conftest import started
from tests.gateway.conftest import Gateway
from tests.skips import faketime
from tests.tcp_proxy import Fault, TcpProxy
from tests.valkey.servers import Server, free_port
from tests.valkey.test_gateways import SECRET

LIMIT = 20_000
"""Calls in a window, so that there are always some."""
STEPS = (300, 0, -300, 0)
"""Seconds between a clock and the true time, one after the other."""


class Replica:
    """A gateway in a process of its own, whose connection to the server and clock can be spoilt."""

    def __init__(self, folder: Path, proxy: TcpProxy, api: str) -> None:
        folder.mkdir()
        self._folder, self.proxy, self._port = folder, proxy, free_port()
        self._clock = folder / "clock"
        self.step(0)
        self._settings = {
            "GATEWAY_UPSTREAM_URL": api,
            "GATEWAY_UPSTREAM_RATE_LIMIT": str(LIMIT),
            "GATEWAY_VALKEY_URL": f"redis://127.0.0.1:{proxy.port}",
            "GATEWAY_SECRET": SECRET,
            **faketime(self._clock),
        }
        http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self._port}", trust_env=False, timeout=30
        )
        self.gateway = Gateway(http)
        self._stack = contextlib.ExitStack()

    def step(self, seconds: int) -> None:
        """Set the gateway's wall clock so far from the true time."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{seconds:+}\n")
        new.replace(self._clock)

    def start(self) -> None:
        port = ("--port", str(self._port))
        command = started("serve", *port, folder=self._folder, **self._settings)
        self._stack.enter_context(command)

    def kill(self) -> None:
        self._stack.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.gateway.http.aclose()
        self.kill()


Faults = Callable[[Server, list[Replica]], Awaitable[None]]


async def stall(server: Server, _: list[Replica]) -> None:
    server.stall()
    await asyncio.sleep(5)
    server.resume()


async def partition(_: Server, replicas: list[Replica]) -> None:
    proxy = replicas[0].proxy
    proxy.fault = Fault(swallow=True)
    proxy.cut()
    await asyncio.sleep(2.5)
    proxy.fault = Fault()
    proxy.cut()


async def flush(server: Server, _: list[Replica]) -> None:
    with server.client() as client:
        client.flushall()


async def kill_a_gateway(_: Server, replicas: list[Replica]) -> None:
    replicas[1].kill()
    await asyncio.sleep(0.5)
    await asyncio.to_thread(replicas[1].start)


async def kill_the_server(server: Server, _: list[Replica]) -> None:
    server.kill()
    await asyncio.sleep(0.5)
    await asyncio.to_thread(server.start)


async def kill_the_server_and_its_data(server: Server, replicas: list[Replica]) -> None:
    server.kill()
    shutil.rmtree(server.folder / "appendonlydir")
    await kill_the_server(server, replicas)


async def step_a_clock(_: Server, replicas: list[Replica]) -> None:
    for seconds in STEPS:
        replicas[0].step(seconds)
        await asyncio.sleep(0.7)


FAULTS: list[Faults] = [
    stall,
    partition,
    flush,
    kill_a_gateway,
    kill_the_server,
    kill_the_server_and_its_data,
    step_a_clock,
]
