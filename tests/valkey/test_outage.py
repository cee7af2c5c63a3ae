"""What a gateway reports after the server could not be reached."""

import asyncio
from typing import Any

import pytest

from gateway.shared_budget import Grant, Refusal, Reservation
from gateway.storage.shared.budget import ValkeyBudget
from gateway.storage.shared.contract import ServerUnreachable
from schema.source.request_context import Priority
from tests.clockwork import VIRTUAL

SNAPSHOT = ("1000.0", "1000.0-a", "1", "500", "500", "900.0", "0", "", "0", "0", "0", "memo")
READ = Reservation(Priority.INTERACTIVE, "caller", "hash", proven=True, patience=2.0)


@pytest.fixture
def anyio_backend() -> tuple[str, Any]:
    return VIRTUAL


class StoppedServer:
    """A connection to a server that replies to nothing until it is started."""

    is_reachable = True

    def __init__(self, snapshot: tuple[str, ...] = SNAPSHOT) -> None:
        self.runs = False
        self.snapshot = snapshot
        self.commands: list[str] = []

    async def call(self, function: str, *arguments: str) -> list[str]:
        if not self.is_reachable:
            raise ServerUnreachable("suspended")
        return await self.probe(function, *arguments)

    async def probe(self, function: str, *arguments: str) -> list[str]:
        del arguments
        self.commands.append(function)
        self.is_reachable = self.runs
        if not self.runs:
            raise ServerUnreachable("stopped")
        return [*self.snapshot, "lease", "20", "id"]

    async def aclose(self) -> None: ...


async def test_only_a_call_that_the_server_may_have_debited_is_reported_as_unsent() -> None:
    server = StoppedServer()
    budget = ValkeyBudget(server)
    refusals = [await budget.reserve(READ) for _ in range(5)]

    server.runs = True
    await budget.beat()

    assert all(isinstance(each, Refusal) and each.reason == "unreachable" for each in refusals)
    assert server.commands == ["reserve", "beat", "report"]


async def test_a_lease_grants_no_call_while_a_429_that_another_gateway_received_holds() -> None:
    server = StoppedServer((*SNAPSHOT[:9], "30.0", *SNAPSHOT[10:]))
    server.runs = True
    budget = ValkeyBudget(server, clock=asyncio.get_running_loop().time)
    await budget.beat()
    server.is_reachable = False

    await asyncio.sleep(29)
    refused = await budget.reserve(READ)
    await asyncio.sleep(2)
    granted = await budget.reserve(READ)

    assert isinstance(refused, Refusal)
    assert isinstance(granted, Grant)


async def test_refused_calls_cause_no_probes_but_those_of_each_half_second() -> None:
    server = StoppedServer()
    budget = ValkeyBudget(server)
    await budget.reserve(READ)
    budget.start()
    loop = asyncio.get_running_loop()
    until = loop.time() + 10
    while loop.time() < until:
        await budget.reserve(READ)
        await asyncio.sleep(0.01)
    await budget.aclose()

    assert server.commands.count("beat") <= 10 / 0.5 + 1
