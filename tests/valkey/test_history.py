"""What callers see at two gateways is one history, whatever fails meanwhile."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, GRACE, DemoUser
from tests.gateway.conftest import Gateway
from tests.tcp_proxy import Fault, TcpProxy
from tests.valkey.servers import Server, running
from tests.valkey.test_gateways import LEARNING, gateways, until
from tests.valkey.test_shared_cache import CLIENT, UPDATE, marked

pytestmark = pytest.mark.alone  # a server that is not given the machine counts as unreachable
ROUNDS = int(os.environ.get("HISTORY_ROUNDS", "1"))


class Operation(NamedTuple):
    """A read or a write of one client, and the version that it returned."""

    id: str
    began: float
    ended: float
    version: int
    writes: bool


@dataclass
class History:
    """All operations whose answers claim to be the latest."""

    operations: list[Operation] = field(default_factory=list)
    marked: int = 0

    def wrong(self) -> list[tuple[Operation, Operation]]:
        """The pairs of which the later operation returned the earlier version.

        The API numbers the versions, so their order is the only one that a history can have: it is
        linearizable if no operation returns less than one that ended before it began, and no read
        returns a version that is written only after it.
        """
        found = []
        for one in self.operations:
            for other in self.operations:
                if one.id == other.id and one.ended < other.began:
                    went_back = one.version > other.version
                    foreseen = other.writes and one.version == other.version
                    if went_back or foreseen:
                        found.append((one, other))
        return found


async def act(  # noqa: PLR0913, PLR0917 - what a caller is and does
    history: History, gateway: Gateway, who: DemoUser, id: str, chance: Random, number: int
) -> None:
    loop = asyncio.get_running_loop()
    writes, began = chance.random() < 0.3, loop.time()
    if writes:
        email = f"n{number}@example.com"
        answer = await gateway.post(UPDATE, key=who.api_key, id=id, email=email)
    else:
        answer = await gateway.post(CLIENT, key=who.api_key, id=id)
    ended = loop.time()
    [data] = (answer.get("data") or {"": None}).values()
    client = data and (data.get("client") if writes else data)
    if "errors" in answer or not client:
        return
    assert client["id"] == id
    if not writes and marked(answer):
        history.marked += 1
        return
    history.operations.append(Operation(id, began, ended, client["version"], writes))


async def answered_since(history: History, count: int) -> bool:
    """Whether more operations claim to be the latest than these."""
    return len(history.operations) > count


Faults = Callable[[Server, list[TcpProxy]], Awaitable[None]]


async def stall(server: Server, proxies: list[TcpProxy]) -> None:
    del proxies
    server.stall()
    await asyncio.sleep(1.5)
    server.resume()


async def partition(server: Server, proxies: list[TcpProxy]) -> None:
    del server
    proxies[0].fault = Fault(swallow=True)
    proxies[0].cut()
    await asyncio.sleep(2.5)
    proxies[0].fault = Fault()
    proxies[0].cut()


async def lose_data(server: Server, proxies: list[TcpProxy]) -> None:
    del proxies
    with server.client() as client:
        client.flushall()


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_no_answer_goes_back_whatever_fails(tmp_path: Path, seed: int) -> None:
    sandbox, chance, history = Sandbox([ADA, GRACE], limit=5_000), Random(seed), History()
    ids = {who: [row["id"] for row in sandbox.rows_of(who)[:2]] for who in (ADA, GRACE)}
    with running("valkey", tmp_path) as server:
        async with (
            TcpProxy(server.port) as one,
            TcpProxy(server.port) as other,
            gateways(
                sandbox, server, 2, one.port, other.port, cache=True, upstream_rate_limit=5_000
            ) as both,
        ):
            await asyncio.sleep(LEARNING)
            ends = False

            async def caller(own: Random) -> None:
                number = 0
                while not ends:
                    number += 1
                    who = own.choice((ADA, GRACE))
                    id = own.choice(ids[who])
                    await act(history, own.choice(both), who, id, own, number)
                    await asyncio.sleep(own.uniform(0, 0.02))

            callers = [asyncio.create_task(caller(Random(chance.random()))) for _ in range(4)]
            for fault in (stall, partition, lose_data):
                await asyncio.sleep(0.5)
                await fault(server, [one, other])
                await until(partial(answered_since, history, len(history.operations)))
                await asyncio.sleep(2)
            ends = True
            await asyncio.gather(*callers)

    assert len({each.version for each in history.operations}) > 10
    assert history.marked
    assert history.wrong() == []
