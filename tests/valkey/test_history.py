"""What callers see at two gateways is one history, whatever fails meanwhile."""

import asyncio
import contextlib
import math
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, GRACE, DemoUser
from gateway.server.uvicorn import Listener
from tests.gateway.conftest import Gateway
from tests.serving import listening
from tests.tcp_proxy import TcpProxy
from tests.valkey.faults import FAULTS, LIMIT, Replica
from tests.valkey.servers import Server, running
from tests.valkey.test_gateways import LEARNING, gateways, until
from tests.valkey.test_shared_cache import CLIENT, UPDATE, cleared, marked

pytestmark = pytest.mark.quiet(seconds=70)  # a server not given the machine is unreachable
ROUNDS = int(os.environ.get("HISTORY_ROUNDS", "1"))
STEPS = int(os.environ.get("HISTORY_STEPS", "100"))
"""Of each client that reads and writes while nothing fails."""
HEALED = 60.0
"""Seconds, on a busy machine; a gateway of which no other knows that it ended costs more."""


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
    emails: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    """What each version of a client was answered to hold."""
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


class Client(NamedTuple):
    """One of those who read and write at the same time, for either of the callers."""

    gateways: list[Gateway]
    ids: dict[DemoUser, list[str]]
    history: History
    chance: Random
    name: str

    async def act(self, number: int) -> None:
        who = self.chance.choice(list(self.ids))
        id, writes = self.chance.choice(self.ids[who]), self.chance.random() < 0.3
        email = {"email": f"{who.name}.{self.name}{number}@example.com"} if writes else {}
        gateway = self.chance.choice(self.gateways)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            query = UPDATE if writes else CLIENT
            answer = await gateway.post(query, key=who.api_key, id=id, **email)
        except httpx.TransportError:  # it was killed
            return
        ended = loop.time()
        [data] = (answer.get("data") or {"": None}).values()
        client = data and (data.get("client") if writes else data)
        if "errors" in answer or not client:
            return
        assert client["id"] == id
        self.history.emails.setdefault((id, client["version"]), set()).add(client["email"])
        if not writes and marked(answer):
            self.history.marked += 1
            return
        self.history.operations.append(Operation(id, began, ended, client["version"], writes))


async def is_healed(replicas: list[Replica], ids: dict[DemoUser, list[str]]) -> bool:
    """Whether each gateway answers each caller, and claims that it is the latest."""
    for replica in replicas:
        for who, [id, *_] in ids.items():
            answer = await replica.gateway.post(CLIENT, key=who.api_key, id=id)
            if "errors" in answer or marked(answer):
                return False
    return True


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_no_answer_goes_back_while_many_write(server: Server, seed: int) -> None:
    sandbox, history = Sandbox([ADA], limit=LIMIT), History()
    sandbox.fail(Fault(latency=0.004, times=math.inf))
    cleared(server)
    ids = {ADA: [sandbox.rows_of(ADA)[0]["id"]]}
    async with gateways(sandbox, server, 3, cache=True, upstream_rate_limit=LIMIT) as found:
        await asyncio.sleep(LEARNING)

        async def call(client: Client) -> None:
            for number in range(STEPS):
                await client.act(number)
                await asyncio.sleep(client.chance.uniform(0, 0.01))

        clients = [
            Client(found, ids, history, Random(f"{seed}{each}"), each) for each in "abcdefgh"
        ]
        await asyncio.gather(*map(call, clients))

    assert history.wrong() == []
    assert len({each.version for each in history.operations}) > STEPS / 2
    assert history.marked < len(history.operations) / 2


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_no_answer_goes_back_whatever_fails(tmp_path: Path, seed: int) -> None:
    sandbox, chance, history = Sandbox([ADA, GRACE], limit=LIMIT), Random(seed), History()
    rows = {who: sandbox.rows_of(who)[:2] for who in (ADA, GRACE)}
    ids = {who: [row["id"] for row in found] for who, found in rows.items()}
    (tmp_path / "data").mkdir()
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(running("valkey", tmp_path / "data", "--appendonly", "yes"))
        api = stack.enter_context(listening(lambda socket: Listener(sandbox, socket)))
        replicas = []
        for name in ("one", "other"):
            proxy = await stack.enter_async_context(TcpProxy(server.port))
            replica = Replica(tmp_path / name, proxy, f"{api.url}/v1")
            replicas.append(await stack.enter_async_context(replica))
        await asyncio.sleep(LEARNING)
        await until(partial(is_healed, replicas, ids), 60)
        ends, both = False, [each.gateway for each in replicas]

        async def call(client: Client) -> None:
            number = 0
            while not ends:
                number += 1
                await client.act(number)
                await asyncio.sleep(client.chance.uniform(0, 0.02))

        clients = [
            asyncio.create_task(call(Client(both, ids, history, Random(chance.random()), name)))
            for name in "abcd"
        ]
        for fault in chance.sample(FAULTS, len(FAULTS)):
            await fault(server, replicas)
            await until(partial(is_healed, replicas, ids), HEALED)
            await asyncio.sleep(1)
        ends = True
        await asyncio.gather(*clients)

    assert history.wrong() == []
    assert {len(each) for each in history.emails.values()} == {1}
    for who, found in rows.items():
        for row in found:
            seen = {email for (id, _), [email] in history.emails.items() if id == row["id"]}
            assert all(each.startswith(f"{who.name}.") for each in seen - {row["email"]})
    assert history.marked
    assert len({each.version for each in history.operations}) > 10
