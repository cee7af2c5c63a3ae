"""What one gateway read or wrote, all have: no call is sent twice, and no answer goes back."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.app import WEBHOOK_PATH
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from gateway.sandbox.webhooks import Webhooks
from tests.gateway.conftest import Gateway
from tests.valkey.servers import Server, running
from tests.valkey.test_gateways import LEARNING, gateways

pytestmark = pytest.mark.alone  # a server that is not given the machine counts as unreachable
WEBHOOK_SECRET = "of all these gateways"
MOST_NEW = 20
"""Clients that are left, so that a page shows all."""
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


async def test_a_write_is_seen_at_every_gateway_and_no_version_goes_back(valkey: Server) -> None:
    sandbox, chance = Sandbox(limit=10 * PAIRS + 500), Random(PAIRS)
    cleared(valkey)
    limit = {"upstream_rate_limit": 10 * PAIRS + 500}
    wrong: list[Any] = []
    async with gateways(sandbox, valkey, 4, cache=True, **limit) as found:
        await asyncio.sleep(LEARNING)
        ids = [row["id"] for row in sandbox.rows_of(DEMO)[:5]]
        versions = dict.fromkeys(ids, 0)
        names: set[str] = set()
        for number in range(PAIRS):
            one, other = chance.sample(found, 2)
            kind = chance.random()
            if kind < 0.8:
                id = chance.choice(ids)
                await one.post(UPDATE, id=id, email=f"n{number}@example.com")
                answer = await other.post(CLIENT, id=id)
                seen, doubted = answer["data"]["client"], marked(answer)
                is_older = seen["version"] < versions[id]
                if not doubted and (is_older or seen["email"] != f"n{number}@example.com"):
                    wrong.append((number, answer))
                versions[id] = max(versions[id], seen["version"])
            else:
                made = await one.post(CREATE, name=f"New {number}")
                id = made["data"]["createClient"]["client"]["id"]
                names.add(f"New {number}")
                if kind < 0.9 or len(names) > MOST_NEW:
                    await other.post(DELETE, id=id)
                    names.discard(f"New {number}")
                third = chance.choice(found)
                rows = await third.post(LIST.replace("first: 20", "first: 100"))
                shown = {edge["node"]["firstName"] for edge in rows["data"]["clients"]["edges"]}
                new = {name for name in shown if name.startswith("New ")}
                if new != names and not marked(rows):
                    wrong.append((number, shown ^ names))
    writes = sum(not call.startswith("GET") for call in sandbox.calls)
    assert wrong == []
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
