"""One idempotency key is one client, at whichever gateways it arrives and whichever of them die."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from gateway.storage.database import StorageError
from gateway.storage.shared.sealing import Sealer
from gateway.storage.shared.server_clock import ServerClock
from gateway.writes.idempotency_store import CreatedClient, IdempotencyRecord
from gateway.writes.shared_record import SharedRecords
from schema.source.writes import Confirmation
from tests.e2e.conftest import Running, started
from tests.gateway.conftest import Gateway
from tests.tcp_proxy import Fault, TcpProxy
from tests.valkey.servers import Server, running
from tests.valkey.test_gateways import LEARNING, SECRET, gateways, until

pytestmark = pytest.mark.quiet(seconds=35)  # a server not given the machine is unreachable
CREATE = """
mutation ($click: String, $name: String!) {
  createClient(input: {
    firstName: $name, lastName: "Lee", clientType: BUYER, idempotencyKey: $click
  }) {
    __typename
    ... on CreateClientSuccess { confirmedBy replayed client { id } }
    ... on ClientWriteUnconfirmed { candidates { id } }
    ... on ClientMutationError { code }
  }
}
"""
RECORDS = "clients-gateway:1:creates*"


async def create(gateway: Gateway, key: str | None, name: str = "Ottoline") -> tuple[str, str]:
    """What became of a create, and the client that it names."""
    variables = {"name": name} if key is None else {"name": name, "click": key}
    return outcome(await gateway.post(CREATE, **variables))


async def repeated(
    gateway: Gateway, key: str, name: str = "Ottoline", *, also: str = ""
) -> tuple[str, str]:
    """What became of a create that is sent again while its key cannot be recorded in time.

    It is sent again after the code `also`, too.
    """
    again = {"IDEMPOTENCY_UNAVAILABLE", also}
    async with asyncio.timeout(30):
        while (became := await create(gateway, key, name))[0] in again:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return became


def outcome(answer: Any) -> tuple[str, str]:
    if (errors := answer.get("errors")) is not None:
        return errors[0]["extensions"]["code"], ""
    made = answer["data"]["createClient"]
    if made["__typename"] == "CreateClientSuccess":
        return made["confirmedBy"], made["client"]["id"]
    return made["code"], ""


def posts(sandbox: Sandbox) -> int:
    return sum(call.startswith("POST") for call in sandbox.calls)


async def test_one_key_at_eight_gateways_at_once_is_one_create(server: Server) -> None:
    sandbox = Sandbox()
    with server.client() as client:
        client.flushall()
        async with gateways(sandbox, server, 8) as found:
            await asyncio.sleep(LEARNING)
            first = await asyncio.gather(*(repeated(each, "click") for each in found * 2))
            again = await asyncio.gather(*(repeated(each, "click") for each in found))
            others = await asyncio.gather(*(repeated(each, f"{each}") for each in found))
            client.config_set("maxmemory", "1")
            full = [await create(found[0], "late"), await create(found[0], None)]
            client.config_set("maxmemory", "0")

    [made] = set(first)
    assert made[0] == "ANSWER"
    assert set(again) == {made}
    assert len(set(others)) == 8
    assert [code for code, _ in full] == ["IDEMPOTENCY_UNAVAILABLE", "ANSWER"]
    assert posts(sandbox) == 1 + 8 + 1


async def test_neither_a_stalled_server_nor_lost_data_lead_to_a_second_create(
    tmp_path: Path,
) -> None:
    sandbox = Sandbox()
    with running("valkey", tmp_path) as server, server.client() as client:
        async with gateways(sandbox, server, 2) as both:
            await asyncio.sleep(LEARNING)
            made = await repeated(both[0], "click")
            server.stall()
            stalled = [await create(each, key) for each in both for key in ("click", "new")]
            server.resume()
            after = [await repeated(each, key) for each in both for key in ("click", "new")]
            client.flushall()
            lost = [await create(each, key) for each in both for key in ("click", "new")]
            late = [await repeated(each, key) for each in both for key in ("click", "new")]

    assert stalled == lost == [("IDEMPOTENCY_UNAVAILABLE", "")] * 4
    assert after == late == [made, after[1]] * 2
    assert posts(sandbox) == 2


async def test_a_record_cannot_be_read_with_another_secret_or_under_another_name() -> None:
    records = {
        secret: SharedRecords(Sealer(secret, b"creates"), ServerClock(time.time))
        for secret in (b"one", b"other")
    }
    created = CreatedClient("0190b9d8", Confirmation.ANSWER)
    record = IdempotencyRecord(b"name", "caller", b"payload", "attempt", 1.0, 2.0, created)
    sealed = records[b"one"].encode(record)

    assert records[b"one"].decode(b"name", sealed) == record
    for secret, name in ((b"other", b"name"), (b"one", b"another")):
        with pytest.raises(StorageError):
            records[secret].decode(name, sealed)
    assert b"0190b9d8" not in sealed
    assert records[b"one"].encode_client("a", "b") == records[b"one"].encode_client("a", "b")


@contextlib.contextmanager
def serving(folder: Path, api: int, server: Server) -> Iterator[Running]:
    """A gateway in a process of its own, with a folder of its own."""
    folder.mkdir()
    with started(
        "serve",
        folder=folder,
        GATEWAY_UPSTREAM_URL=f"http://127.0.0.1:{api}/v1",
        GATEWAY_VALKEY_URL=f"redis://127.0.0.1:{server.port}",
        GATEWAY_SECRET=SECRET,
        GATEWAY_API_KEY=DEMO.api_key,
    ) as command:
        yield command


def gateway_of(command: Running) -> Gateway:
    url = f"http://{command.output.split('GraphQL')[1].split('//')[1].split('/')[0]}"
    return Gateway(httpx.AsyncClient(base_url=url, trust_env=False, timeout=60))


async def test_a_sender_that_is_killed_leaves_one_create_and_one_answer(
    tmp_path: Path,
) -> None:
    """Killed before it sends, after the API has created the client, and after its answer."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running("redis", tmp_path))
        client = stack.enter_context(server.client())
        api = stack.enter_context(started("sandbox", folder=tmp_path))
        port = int(api.url.rpartition(":")[2])
        async with TcpProxy(port) as proxy, httpx.AsyncClient(base_url=api.url) as http:
            *dying, last = [
                stack.enter_context(serving(tmp_path / name, proxy.port, server)) for name in "1234"
            ]
            living = gateway_of(last)
            await asyncio.sleep(LEARNING)

            async def posted(count: int) -> bool:
                calls: list[str] = (await http.get("/_sandbox/calls")).json()
                return sum(call.startswith("POST") for call in calls) == count

            def records() -> set[str]:
                return {each for each in client.scan_iter(RECORDS) if client.type(each) == "hash"}

            async def sending() -> bool:
                return proxy.connections > connected

            async def recorded() -> bool:
                return any(client.hget(key, "state") == "done" for key in records() - earlier)

            async def twice(key: str, also: str) -> list[tuple[str, str]]:
                return [await repeated(living, key, key, also=also) for _ in range(2)]

            ends = []
            moments = (sending, lambda: posted(1), recorded)
            faults = (Fault(swallow=True), Fault(delay=30), Fault())
            searched = ("", "WRITE_UNCONFIRMED", "WRITE_UNCONFIRMED")  # again, if it failed
            for stage, (command, moment) in enumerate(zip(dying, moments, strict=True)):
                proxy.fault = faults[stage]
                connected, earlier = proxy.connections, records()
                key = f"Stage {stage}"
                gateway = gateway_of(command)
                sent = asyncio.create_task(repeated(gateway, key, key))
                await until(moment)
                proxy.fault = Fault()
                waits = asyncio.create_task(twice(key, searched[stage]))
                await asyncio.sleep(0.3)
                command.process.kill()
                with contextlib.suppress(httpx.TransportError):
                    await sent
                await gateway.http.aclose()
                ends.append(waits)
            unsent, unanswered, answered = await asyncio.gather(*ends)
            await living.http.aclose()
            assert await posted(2)
    assert [code for code, _ in unsent] == ["WRITE_UNCONFIRMED"] * 2, "it may have been sent"
    assert [code for code, _ in unanswered] == ["READBACK"] * 2
    assert [code for code, _ in answered] == ["ANSWER"] * 2
    assert len({id for _, id in unanswered + answered}) == 2
