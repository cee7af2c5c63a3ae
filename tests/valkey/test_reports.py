"""How a gateway lets the server know how its calls ended."""

import asyncio
from collections import Counter

import pytest

from gateway.shared_budget import CallOutcome, Grant, Reservation
from gateway.storage.shared.budget import ValkeyBudget
from gateway.storage.shared.function_library import FunctionLibrary, budget_keys
from gateway.storage.shared.server_connection import ServerConnection
from gateway.transport.rate_limit_status import RateLimitStatus
from schema.source.request_context import Priority
from tests.valkey.servers import Server
from tests.valkey.test_gateways import LEARNING

pytestmark = pytest.mark.quiet(seconds=5)  # a server not given the machine is unreachable
CALLS = 30


class Counting(ServerConnection):
    """Counts the calls of each function."""

    def __init__(self, port: int) -> None:
        super().__init__(f"redis://127.0.0.1:{port}", FunctionLibrary(), budget_keys("b"))
        self.calls: Counter[str] = Counter()
        self.reported = asyncio.Event()

    async def call(self, function: str, *arguments: str) -> list[str]:
        self.calls[function] += 1
        reply = await super().call(function, *arguments)
        if function == "report":
            self.reported.set()
        return reply


async def test_outcomes_that_are_known_together_are_reported_by_one_command(
    server: Server,
) -> None:
    with server.client() as client:
        client.flushall()
    connection = Counting(server.port)
    budget = ValkeyBudget(connection)
    budget.start()
    await asyncio.sleep(LEARNING)
    write = Reservation(Priority.WRITE, "caller", "caller", proven=True, patience=2.0)
    grants = [await budget.reserve(write) for _ in range(CALLS)]

    for left, grant in enumerate(grants, 1):
        assert isinstance(grant, Grant)
        unsent = CallOutcome("unsent", verdict="unknown")
        status = RateLimitStatus(500, 500 - left, 900.0)
        budget.report(grant, unsent if left == CALLS else CallOutcome("response", status))
    await connection.reported.wait()
    await budget.beat()

    assert connection.calls["report"] == 1
    assert budget.state().remaining == 500 - (CALLS - 1)
    await budget.aclose()
