"""What one gateway read or wrote, all have: no call is sent twice, and no answer goes back."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.app import WEBHOOK_PATH
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO, DemoUser
from gateway.sandbox.webhooks import Webhooks
from tests.gateway.conftest import Gateway
from tests.valkey.servers import Server, running
from tests.valkey.test_gateways import LEARNING, gateways

pytestmark = pytest.mark.quiet(seconds=30)  # a server not given the machine is unreachable
WEBHOOK_SECRET = "of all these gateways"
MOST_NEW = 20
"""Clients that are left, so that a page shows all."""
WRITERS = 4
PAIRS = int(os.environ.get("WRITE_READ_PAIRS", "100"))
LIST = "{ clients(first: 20) { totalCount edges { node { id firstName version } } } }"
CLIENT = "query ($id: ID!) { client(id: $id) { id email version } }"
UPDATE = """
mutation ($id: ID!, $email: String) {
  updateClient(input: { id: $id, email: $email }) {
    ... on UpdateClientSuccess { client { id email version } }
  }
}
"""
CREATE = """
mutation ($name: String!) {
  createClient(input: { firstName: $name, lastName: "Lee", clientType: BUYER }) {
    ... on CreateClientSuccess { client { id } }
  }
}
"""
ALL = LIST.replace("first: 20", "first: 100")
DELETE = "mutation ($id: ID!) { deleteClient(input: { id: $id }) { __typename } }"


def marked(answer: Any) -> bool:
    """Whether an answer says that it may not be the latest, as one does while others are lost."""
    return bool(answer["extensions"]["upstream"]["stale"])


async def is_stale(gateway: Gateway, id: str) -> bool:
    return marked(await gateway.post(CLIENT, id=id))


def cleared(server: Server) -> None:
    with server.client() as client:
        client.flushall()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running("valkey", tmp_path_factory.mktemp("cache")) as started:
        yield started


async def test_a_question_costs_one_call_at_whichever_gateways_it_is_put(server: Server) -> None:
    sandbox = Sandbox()
    cleared(server)
    async with gateways(sandbox, server, 8, cache=True) as found:
        await asyncio.sleep(LEARNING)
        cold = await asyncio.gather(*(each.post(LIST) for each in found))
        assert sandbox.calls == ["GET /clients?page=1&limit=100"]
        ids = [edge["node"]["id"] for edge in cold[0]["data"]["clients"]["edges"]]
        await asyncio.gather(*(each.post(CLIENT, id=ids[0]) for each in found))
        held = [await each.post(LIST) for each in found]
        with server.client() as client:
            log = client.execute_command("XLEN", client.keys("*:log")[0])
            keys = client.keys()
        with server.client(decode=False) as client:
            dumped = b"".join(key.encode() + client.dump(key) for key in keys)

    assert sandbox.calls == ["GET /clients?page=1&limit=100"], "rows have what was selected"
    assert {str(each["data"]) for each in cold + held} == {str(cold[0]["data"])}
    assert not any(marked(each) for each in cold + held)
    assert log < 30, "one reading, its flights, and eight gateways that joined"
    row = sandbox.rows_of(DEMO)[0]
    readable = [row["id"], row["email"], row["last_name"], DEMO.api_key, "first_name"]
    assert not any(text.encode() in dumped for text in readable)


@dataclass
class Pairs:
    """One caller, who writes at one of several gateways and then reads at another."""

    who: DemoUser
    found: list[Gateway]
    ids: list[str]
    chance: Random
    names: set[str] = field(default_factory=set)
    """Of the clients that it made and has not deleted."""
    versions: dict[str, int] = field(default_factory=dict)
    wrong: list[Any] = field(default_factory=list)
    doubted: int = 0

    async def send(self, count: int) -> None:
        for number in range(count):
            pair = self._update if self.chance.random() < 0.8 else self._create
            await pair(number, *self.chance.sample(self.found, 2))

    async def _update(self, number: int, one: Gateway, other: Gateway) -> None:
        id, email = self.chance.choice(self.ids), f"{self.who.name}.{number}@example.com"
        await self._ask(one, UPDATE, id=id, email=email)
        answer = await self._ask(other, CLIENT, id=id)
        seen = answer["data"]["client"]
        is_older = seen["version"] < self.versions.get(id, 0)
        self._judge(answer, is_right=seen["email"] == email and not is_older)
        self.versions[id] = max(self.versions.get(id, 0), seen["version"])

    async def _create(self, number: int, one: Gateway, other: Gateway) -> None:
        name = f"New {number}"
        made = await self._ask(one, CREATE, name=name)
        self.names.add(name)
        if self.chance.random() < 0.5 or len(self.names) > MOST_NEW:
            await self._ask(other, DELETE, id=made["data"]["createClient"]["client"]["id"])
            self.names.discard(name)
        rows = await self._ask(self.chance.choice(self.found), ALL)
        shown = {edge["node"]["firstName"] for edge in rows["data"]["clients"]["edges"]}
        self._judge(rows, is_right={each for each in shown if "New" in each} == self.names)

    async def _ask(self, gateway: Gateway, query: str, **variables: Any) -> Any:
        """Ask again what is refused, as while a busy machine delays the server."""
        while "errors" in (answer := await gateway.post(query, key=self.who.api_key, **variables)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return answer

    def _judge(self, answer: Any, *, is_right: bool) -> None:
        self.doubted += marked(answer)
        if not is_right and not marked(answer):
            self.wrong.append(answer)


async def test_a_write_is_seen_at_every_gateway_and_no_version_goes_back(valkey: Server) -> None:
    people = [DemoUser(f"agent-{number}", 40) for number in range(WRITERS)]
    limit = 10 * PAIRS + 500
    sandbox, chance = Sandbox(people, limit=limit), Random(PAIRS)
    cleared(valkey)
    async with gateways(sandbox, valkey, 4, cache=True, upstream_rate_limit=limit) as found:
        await asyncio.sleep(LEARNING)
        writers = [
            Pairs(
                who,
                found,
                [row["id"] for row in sandbox.rows_of(who)[:5]],
                Random(chance.random()),
            )
            for who in people
        ]
        await asyncio.gather(*(each.send(PAIRS // WRITERS) for each in writers))
    writes = sum(not call.startswith("GET") for call in sandbox.calls)
    assert [each.wrong for each in writers] == [[]] * WRITERS
    assert sum(each.doubted for each in writers) < PAIRS / 2, "most claim to be the latest"
    assert len(sandbox.calls) - writes < 0.1 * PAIRS, "a write costs no other gateway a read"


async def test_a_stalled_server_leaves_stale_answers_and_heals(
    tmp_path: Path,
) -> None:
    sandbox = Sandbox()
    with running("valkey", tmp_path) as server, server.client() as client:
        async with gateways(sandbox, server, 2, cache=True) as (one, other):
            await asyncio.sleep(LEARNING)
            id = sandbox.rows_of(DEMO)[0]["id"]

            async def unmarked() -> list[Any]:
                async with asyncio.timeout(20):
                    while True:
                        answers = [await each.post(CLIENT, id=id) for each in (one, other)]
                        if not any(map(marked, answers)):
                            return answers
                        await asyncio.sleep(0.02)

            await unmarked()
            server.stall()
            await asyncio.sleep(1.2)
            held = [await is_stale(one, id), await is_stale(other, id)]
            assert len(sandbox.calls) == 1
            await one.post(UPDATE, id=id, email="meanwhile@example.com")
            doubted = await other.post(CLIENT, id=id)
            server.resume()
            after = await unmarked()
            client.flushall()
            await one.post(UPDATE, id=id, email="later@example.com")
            lost = [await each.post(CLIENT, id=id) for each in (one, other)]
            await asyncio.sleep(2)
            healed = await unmarked()

    assert held == [True, True]
    assert marked(doubted)
    for answers, email in ((after, "meanwhile@example.com"), (healed, "later@example.com")):
        assert [each["data"]["client"]["email"] for each in answers] == [email] * 2
    for each in lost:
        is_right = each["data"]["client"]["email"] == "later@example.com"
        assert is_right or marked(each)


async def test_a_reader_that_hangs_delays_the_others_by_one_attempt(valkey: Server) -> None:
    sandbox = Sandbox()
    cleared(valkey)
    async with gateways(sandbox, valkey, 2, cache=True, upstream_timeout=1) as (one, other):
        await asyncio.sleep(LEARNING)
        id = sandbox.rows_of(DEMO)[0]["id"]
        await one.query(CLIENT, id=id)  # a credential on trial has one call at a time
        sandbox.fail(Fault(latency=3))
        hanging = asyncio.create_task(one.post(LIST))
        await asyncio.sleep(0.2)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        answer = await other.query(LIST)
        waited = loop.time() - begun
        await hanging

    assert answer["clients"]["totalCount"]
    assert 0.5 < waited < 2.5, "about one attempt, of a second"
    assert len(sandbox.calls) == 3


async def test_a_write_that_comes_back_at_another_gateway_proves_webhooks_at_all_of_them(
    server: Server,
) -> None:
    sandbox = Sandbox()
    cleared(server)
    async with gateways(sandbox, server, 2, cache=True, webhook_secrets=(WEBHOOK_SECRET,)) as (
        one,
        other,
    ):
        await asyncio.sleep(LEARNING)

        async def deliver(path: str, body: bytes, headers: dict[str, str]) -> int:
            return (await other.http.post(path, content=body, headers=headers)).status_code

        sandbox.webhooks = Webhooks(WEBHOOK_PATH, WEBHOOK_SECRET, send=deliver)
        await one.query(LIST)
        await one.post(UPDATE, id=sandbox.rows_of(DEMO)[0]["id"], email="own@example.com")
        for _ in range(100):
            await asyncio.sleep(0.05)
            ready = [(await each.http.get("/readyz")).json() for each in (one, other)]
            if all(each["freshness"]["proven"] for each in ready):
                break
        answers = [await each.post(LIST) for each in (one, other)]

    assert [each["freshness"]["proven"] for each in ready] == [True, True]
    upstream = [each["extensions"]["upstream"] for each in answers]
    assert [(each["stale"], each["coherent"]) for each in upstream] == [(False, True)] * 2
    assert [call.split()[0] for call in sandbox.calls] == ["GET", "PUT"]
