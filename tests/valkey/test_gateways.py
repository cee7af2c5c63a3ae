"""Several gateways on one API: what their clients see, and what the API counts."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import GatewayApp, create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import HERE, Gateway, settings
from tests.in_process import InProcess
from tests.valkey.servers import KINDS, Server, running

CLIENT = "query ($id: ID!) { client(id: $id) { id } }"
SECRET = "a secret of more than thirty-two characters"
pytestmark = pytest.mark.quiet(seconds=20)  # a server not given the machine is unreachable
LEARNING = 2.0
"""Seconds until a new server grants calls."""


@contextlib.asynccontextmanager
async def living(app: GatewayApp) -> AsyncIterator[None]:
    """Run the start and the end of an application, as a server does."""
    events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    done: asyncio.Queue[Any] = asyncio.Queue()
    running_app = asyncio.create_task(app({"type": "lifespan"}, events.get, done.put))
    events.put_nowait({"type": "lifespan.startup"})
    assert (await done.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        events.put_nowait({"type": "lifespan.shutdown"})
        await running_app


@contextlib.asynccontextmanager
async def gateways(
    sandbox: Sandbox, server: Server, count: int, *ports: int, **changes: Any
) -> AsyncIterator[list[Gateway]]:
    """So many gateways, each with the server behind one of `ports`, its own by default."""
    changes = {"secret": SECRET, "cache": False} | changes
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for port in ports or [server.port] * count:
            url = f"redis://127.0.0.1:{port}"
            app = create_app(settings(valkey_url=url, **changes), wire=InProcess(sandbox))
            await stack.enter_async_context(living(app))
            transport = httpx.ASGITransport(app=app)
            http = httpx.AsyncClient(transport=transport, base_url=HERE)
            found.append(Gateway(await stack.enter_async_context(http)))
        yield found


async def until(true: Callable[[], Awaitable[Any]], seconds: float = 20) -> None:
    """Wait for what a busy machine may delay."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


async def read(gateway: Gateway, id: str) -> str:
    """Read a client; return what came of it."""
    answer = await gateway.post(CLIENT, id=id)
    if "errors" not in answer:
        return "ok"
    code: str = answer["errors"][0]["extensions"]["code"]
    return code


async def read_once(found: list[Gateway], id: str) -> None:
    """Have each gateway send one call, as soon as it may: a read that is refused sends none."""
    for gateway in found:
        async with asyncio.timeout(20):
            while (outcome := await read(gateway, id)) == "RATE_LIMITED":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert outcome == "ok"


async def read_many(found: list[Gateway], id: str, times: int) -> Counter[str]:
    reads = (read(found[number % len(found)], id) for number in range(times))
    return Counter(await asyncio.gather(*reads))


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(limit=60)


@pytest.fixture
def empty(server: Server) -> Server:
    with server.client() as client:
        client.flushall()
    return server


async def test_two_gateways_spend_one_window_and_provoke_no_429(
    sandbox: Sandbox, empty: Server
) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]
    async with gateways(sandbox, empty, 2, upstream_rate_limit=60) as both:
        await asyncio.sleep(LEARNING)
        await read_once(both, id)
        outcomes = await read_many(both, id, 100)
        for _ in range(10):  # a busy machine
            if outcomes["ok"] < 40:
                await asyncio.sleep(1)
                outcomes += await read_many(both, id, 100)

    assert set(outcomes) == {"ok", "RATE_LIMITED"}
    assert len(sandbox.calls) == 2 + outcomes["ok"]
    assert 40 <= len(sandbox.calls) <= 60


async def test_a_429_at_one_gateway_holds_the_calls_of_all(sandbox: Sandbox, empty: Server) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]
    async with gateways(sandbox, empty, 2) as both:
        await asyncio.sleep(LEARNING)
        await read_once(both, id)
        sandbox.fail(Fault(status=429, headers={"Retry-After": "30"}))
        sent = len(sandbox.calls)
        assert await read(both[0], id) == "RATE_LIMITED"
        assert await read(both[1], id) == "RATE_LIMITED"

    assert len(sandbox.calls) == sent + 1


@pytest.mark.parametrize("kind", KINDS)
async def test_without_the_server_a_gateway_sends_its_lease_and_heals(
    kind: str, tmp_path: Path
) -> None:
    sandbox = Sandbox()
    id = sandbox.rows_of(DEMO)[0]["id"]
    with running(kind, tmp_path) as server:
        async with gateways(sandbox, server, 2) as both:
            await asyncio.sleep(LEARNING)
            await read_once(both, id)
            await asyncio.sleep(1)
            server.stall()
            outcomes = await read_many(both, id, 100)
            ready = (await both[0].http.get("/readyz")).json()
            server.resume()
            sent = len(sandbox.calls)
            assert outcomes == {"ok": sent - 2, "RATE_LIMITED": 100 - (sent - 2)}
            assert sent - 2 == 2 * 15, "a quarter of each lease of 20 is left to writes"
            assert (ready["status"], ready["budget"]["sharedReachable"]) == ("ready", False)

            async def is_reachable() -> bool:
                budget = (await both[0].http.get("/readyz")).json()["budget"]
                return bool(budget["sharedReachable"])

            await until(is_reachable)
            await read_once(both, id)
