"""Whatever the interleaving, all gateways together send the limit in a window, and no call more."""

import asyncio
import contextlib
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import pytest
import redis

from gateway.storage.shared.budget import ValkeyBudget
from gateway.storage.shared.command_pipeline import COMMAND_SECONDS
from gateway.storage.shared.contract import ServerUnreachable
from gateway.storage.shared.function_library import FunctionLibrary, budget_keys
from gateway.storage.shared.server_connection import ServerConnection
from tests.clockwork import VirtualLoop, virtually
from tests.valkey.api import FixedWindow, Senders
from tests.valkey.servers import KINDS, Server, running

GATEWAYS, TASKS, LIMIT = 8, 8, 500
USABLE = 0.97 * LIMIT
SECONDS = float(os.environ.get("EXACT_SECONDS", "4"))
KILLED = [("valkey", "with", "these"), ("redis", "without", "no")]
HEADERS = list(zip(KINDS, (False, True), strict=True))
SEEDS = list(zip(KINDS, range(2), strict=True))
LATE_SEEDS = [12]
"""What each kind of server is tested with: a part of what it can be, or everything."""
if SECONDS >= 10:
    KILLED = list(itertools.product(KINDS, ("with", "without"), ("no", "these")))
    HEADERS = list(itertools.product(KINDS, (False, True)))
    SEEDS = list(itertools.product(KINDS, range(3)))
    LATE_SEEDS = list(range(40))
CLOCK = "local function server_time() return tonumber(redis.call('GET', 'clock')) end"


class VirtualConnection:
    """A connection on virtual time, which may be cut, and may deliver commands late.

    A command that its caller has given up may still be executed, as in a network.
    """

    is_reachable = True

    def __init__(self, client: redis.Redis, library: FunctionLibrary, chance: Random) -> None:
        self._client, self._library, self._chance = client, library, chance
        self.is_cut = False
        self.slow = 0.0
        """The part of the commands that take up to 0.5 s."""
        self._tasks: set[asyncio.Task[list[str]]] = set()

    async def call(self, function: str, *arguments: str) -> list[str]:
        if not self.is_reachable:
            raise ServerUnreachable("suspended")
        return await self._attempt(function, arguments)

    async def probe(self, function: str, *arguments: str) -> list[str]:
        reply = await self._attempt(function, arguments)
        self.is_reachable = True
        return reply

    async def aclose(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _attempt(self, function: str, arguments: Sequence[str]) -> list[str]:
        task = asyncio.create_task(self._execute(function, arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=COMMAND_SECONDS)
        if task.done() and task.result():
            return task.result()
        self.is_reachable = False
        raise ServerUnreachable("no reply in time")

    async def _execute(self, function: str, arguments: Sequence[str]) -> list[str]:
        """Return the reply; an empty one if it was lost."""
        if not await self._passes():
            return []
        keys = budget_keys("b")
        self._client.set("clock", repr(asyncio.get_running_loop().time()))
        name = self._library.function(function)
        reply = self._client.fcall(name, len(keys), *keys, *arguments)
        assert isinstance(reply, list)
        return reply if await self._passes() else []

    async def _passes(self) -> bool:
        is_slow = self._chance.random() < self.slow
        await asyncio.sleep(self._chance.uniform(0, 0.5 if is_slow else 0.001))
        return not self.is_cut


@contextlib.asynccontextmanager
async def virtual_gateways(
    client: redis.Redis, window: float, chance: Random
) -> AsyncIterator[tuple[list[ValkeyBudget], list[VirtualConnection]]]:
    library = FunctionLibrary(CLOCK)
    client.flushall()
    client.function_flush()
    client.function_load(library.source)
    connections = [VirtualConnection(client, library, chance) for _ in range(GATEWAYS)]
    clock = asyncio.get_running_loop().time
    budgets = [
        ValkeyBudget(each, limit=LIMIT, window_seconds=window, clock=clock) for each in connections
    ]
    for budget in budgets:
        budget.start()
    await asyncio.sleep(2)
    yield budgets, connections
    for budget in budgets:
        await budget.aclose()


@pytest.mark.parametrize(("server", "headers"), HEADERS, indirect=["server"], scope="session")
def test_ten_virtual_seconds_use_every_window_and_exceed_none(
    server: Server, *, headers: bool
) -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        api = FixedWindow(LIMIT, 3.0, loop.time, headers=headers)
        with server.client() as client:
            async with virtual_gateways(client, 3.0, Random(1)) as (budgets, _):
                await Senders(api, Random(1)).send(budgets, tasks=TASKS, seconds=10)
        return api.windows

    windows = virtually(main)
    assert len(windows) > 1
    assert max(windows) <= LIMIT
    assert min(windows[:-1]) >= USABLE


def test_each_gateway_knows_how_many_share_the_budget(server: Server) -> None:
    async def main(_: VirtualLoop) -> list[int]:
        with server.client() as client:
            async with virtual_gateways(client, 3.0, Random(1)) as (budgets, _connections):
                return [budget.gateways for budget in budgets]

    assert virtually(main) == [GATEWAYS] * GATEWAYS


@pytest.mark.parametrize(("server", "seed"), SEEDS, indirect=["server"], scope="session")
def test_partitions_and_lost_data_never_exceed_a_window(server: Server, seed: int) -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        chance = Random(seed)
        api = FixedWindow(LIMIT, 8.0, loop.time, headers=seed % 2 == 0)

        async def disturb(client: redis.Redis, connections: list[VirtualConnection]) -> None:
            while True:
                await asyncio.sleep(chance.uniform(0.1, 3))
                cut = chance.sample(connections, chance.randint(1, GATEWAYS))
                for each in connections:
                    each.slow = chance.choice([0.0, 0.02, 0.3])
                for each in cut:
                    each.is_cut = True
                await asyncio.sleep(chance.uniform(0.01, 4))
                if len(cut) == GATEWAYS and chance.random() < 0.8:
                    for key in client.scan_iter("clients-gateway:*"):
                        client.delete(key)
                for each in cut:
                    each.is_cut = False

        with server.client() as client:
            async with virtual_gateways(client, 8.0, chance) as (budgets, connections):
                disturber = asyncio.create_task(disturb(client, connections))
                await Senders(api, chance).send(budgets, tasks=TASKS, seconds=25)
                disturber.cancel()
        return api.windows

    windows = virtually(main)
    assert len(windows) > 1
    assert max(windows) <= LIMIT


@pytest.mark.parametrize("server", ["valkey"], indirect=True, scope="session")
@pytest.mark.parametrize("seed", LATE_SEEDS)
def test_seconds_with_late_replies_cost_at_most_a_call_in_a_hundred(
    server: Server, seed: int
) -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        chance = Random(seed)
        api = FixedWindow(LIMIT, 600.0, loop.time, headers=True)
        with server.client() as client:
            async with virtual_gateways(client, 600.0, chance) as (budgets, connections):
                senders = Senders(api, chance)
                sending = asyncio.create_task(senders.send(budgets, tasks=TASKS, seconds=4))
                for _ in range(10):
                    late = chance.choice([0.0, 1.0, 1.0])
                    for each in connections:
                        each.slow = late
                    await asyncio.sleep(chance.uniform(0.05, 0.5))
                for each in connections:
                    each.slow = 0.0
                await sending
                for _ in range(10):
                    if api.windows[0] < LIMIT:
                        await senders.send(budgets, tasks=TASKS, seconds=3)
        return api.windows

    [calls] = virtually(main)
    assert 0.99 * LIMIT <= calls <= LIMIT


@contextlib.asynccontextmanager
async def real_gateways(port: int, window: float) -> AsyncIterator[list[ValkeyBudget]]:
    url = f"redis://127.0.0.1:{port}"
    budgets = [
        ValkeyBudget(
            ServerConnection(url, FunctionLibrary(), budget_keys("b")),
            limit=LIMIT,
            window_seconds=window,
        )
        for _ in range(GATEWAYS)
    ]
    for budget in budgets:
        budget.start()
    await asyncio.sleep(2)
    yield budgets
    for budget in budgets:
        await budget.aclose()


async def in_real_time(
    server: Server, *, headers: bool, restarts: int = 0, keeps: bool = True
) -> list[int]:
    """Send for `SECONDS` at least, and until the window is used, with each of `restarts` in it."""
    loop = asyncio.get_running_loop()
    api = FixedWindow(LIMIT, 600.0, loop.time, headers=headers)
    async with real_gateways(server.port, 600.0) as budgets:
        senders = Senders(api, Random(1))
        sending = asyncio.create_task(senders.send(budgets, tasks=TASKS, seconds=SECONDS))
        for _ in range(restarts):
            await asyncio.sleep(0.3)
            server.kill()
            if not keeps:
                shutil.rmtree(server.folder / "appendonlydir")
            await asyncio.sleep(1)
            await asyncio.to_thread(server.start)
            await asyncio.sleep(2.5)
        await sending
        for _ in range(10):  # a busy machine
            if api.windows[0] < USABLE:
                await senders.send(budgets, tasks=TASKS, seconds=3)
    return api.windows


def test_real_seconds_use_the_window_and_do_not_exceed_it(server: Server) -> None:
    with server.client() as client:
        client.flushall()
    [calls] = asyncio.run(in_real_time(server, headers=server.kind == "valkey"))
    assert USABLE <= calls <= LIMIT


@pytest.mark.parametrize(("kind", "data", "headers"), KILLED)
def test_a_server_that_is_killed_and_restarted_costs_no_window(
    kind: str, data: str, headers: str, tmp_path: Path
) -> None:
    with running(kind, tmp_path, "--appendonly", "yes") as server:
        killed = in_real_time(
            server,
            headers=headers == "these",
            restarts=int(SECONDS // 4),
            keeps=data == "with",
        )
        [calls] = asyncio.run(killed)
    assert USABLE <= calls <= LIMIT
