"""What the gateway remembers ages by both clocks of the machine, and an attempt has its time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.clock import Clock
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.clockwork import REAL
from tests.gateway.conftest import HERE, Gateway, settings
from tests.gateway.test_reading import PAGE
from tests.in_process import InProcess

HOUR = 3600.0


@dataclass
class Machine:
    """Two clocks: one that the loop runs on, and the wall's, which is set at will."""

    set_by: float = 0.0

    def wall(self) -> float:
        return 1_700_000_000 + asyncio.get_running_loop().time() + self.set_by


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
async def gateway(sandbox: Sandbox, machine: Machine) -> AsyncIterator[Gateway]:
    clock = Clock(asyncio.get_running_loop().time, machine.wall)
    app = create_app(settings(), wire=InProcess(sandbox), clock=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE) as http:
        yield Gateway(http)


async def receipt(gateway: Gateway) -> Any:
    return (await gateway.post(PAGE, first=3))["extensions"]["upstream"]


@pytest.mark.parametrize("hours", [8, 25])
async def test_rows_read_before_a_suspend_are_as_old_as_it_was_long(
    gateway: Gateway, sandbox: Sandbox, machine: Machine, hours: int
) -> None:
    await receipt(gateway)

    machine.set_by += hours * HOUR

    upstream = await receipt(gateway)
    assert (upstream["calls"], upstream["stale"], upstream["ages"]["oldestSeconds"]) == (
        1,
        False,
        None,
    )
    assert len(sandbox.calls) == 2


async def test_a_clock_that_is_set_back_makes_nothing_younger(
    gateway: Gateway, machine: Machine
) -> None:
    await receipt(gateway)
    await asyncio.sleep(40)

    machine.set_by -= HOUR

    upstream = await receipt(gateway)
    assert (upstream["stale"], upstream["ages"]["oldestSeconds"]) == (True, 40)


class TestAnAttempt:
    """Over a socket, in real time."""

    @pytest.fixture
    def anyio_backend(self) -> tuple[str, Mapping[str, Any]]:
        return REAL

    async def test_has_the_time_that_is_set(self) -> None:
        opened = asyncio.Event()

        async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            opened.set()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(silence, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        app = create_app(settings(upstream_url=f"http://127.0.0.1:{port}/v1", upstream_timeout=0.1))
        transport = httpx.ASGITransport(app=app)
        # With the default of 3 s the two attempts at a GET would take longer than is waited for.
        async with server, httpx.AsyncClient(transport=transport, base_url=HERE) as http:
            body = {"query": "{ clients { totalCount } }"}
            answering = http.post("/graphql", json=body, headers={"X-API-Key": DEMO.api_key})
            answer = (await asyncio.wait_for(answering, 5.5)).json()

        assert opened.is_set()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UPSTREAM_TIMEOUT"]
