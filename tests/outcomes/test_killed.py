"""The gateway is killed at every moment of a keyed create, started again, and called again."""

import asyncio
import contextlib
import inspect
import signal
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.sandbox.users import DEMO
from tests.clockwork import REAL
from tests.e2e.conftest import Running, started
from tests.tcp_proxy import Fault, TcpProxy

CREATE = """
mutation {
  createClient(input: {
    firstName: "Ottoline", lastName: "Lee", clientType: BUYER, idempotencyKey: "one click"
  }) {
    __typename
    ... on CreateClientSuccess { confirmedBy client { id } }
    ... on ClientWriteUnconfirmed { candidates { id } attemptId }
    ... on ClientMutationError { code }
  }
}
"""
AT_ONCE = 50
UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here is encrypted, and a context with all authorities for each click takes long."""
SOON = 30.0

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    with started("sandbox", folder=tmp_path) as command:
        yield command


@pytest.fixture
async def proxy(sandbox: Running) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(int(sandbox.url.rpartition(":")[2])) as made:
        yield made


@contextlib.contextmanager
def serving(folder: Path, port: int) -> Iterator[Running]:
    """The gateway, the same state each time."""
    upstream = f"http://127.0.0.1:{port}/v1"
    with started("serve", folder=folder, GATEWAY_UPSTREAM_URL=upstream) as command:
        yield command


async def create(gateway: Running) -> Any:
    """What became of one click; None when the gateway died under it."""
    url = f"http://{gateway.output.split('GraphQL')[1].split('//')[1].split('/')[0]}/graphql"
    async with httpx.AsyncClient(trust_env=False, verify=UNUSED, timeout=2 * SOON) as http:
        try:
            answer = await http.post(
                url, json={"query": CREATE}, headers={"X-API-Key": DEMO.api_key}
            )
        except httpx.TransportError:
            return None
    return answer.json()["data"]["createClient"]


async def call_sandbox(sandbox: Running, method: str, path: str, **fields: Any) -> Any:
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False, verify=UNUSED) as http:
        answer = await http.request(method, path, headers={"X-API-Key": DEMO.api_key}, **fields)
    return answer.json()


async def ottolines(sandbox: Running) -> list[str]:
    rows = (await call_sandbox(sandbox, "GET", "/v1/clients?limit=100"))["data"]["clients"]
    return [row["id"] for row in rows if row["first_name"] == "Ottoline"]


async def until(true: Callable[[], Any]) -> Any:
    """What `true` says, or its answer, as soon as there is something to it."""
    async with asyncio.timeout(SOON):
        while True:
            holds = true()
            holds = await holds if inspect.isawaitable(holds) else holds
            if holds:
                return holds
            await asyncio.sleep(0.01)


def on_record(folder: Path) -> list[tuple[Any, ...]]:
    """Of each keyed create on disk, the client that came of it, as far as that is recorded."""
    path = folder / "state" / "state.sqlite3"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute("SELECT client FROM creates").fetchall()
        except sqlite3.OperationalError:
            return []


def outcome_of(end: Any) -> tuple[str, list[str]]:
    """How it ended, and the clients it spoke of."""
    if end["__typename"] == "CreateClientSuccess":
        return str(end["confirmedBy"]), [end["client"]["id"]]
    return str(end["code"]), [each["id"] for each in end["candidates"]]


async def killed(gateway: Running, clicks: list[asyncio.Task[Any]]) -> list[Any]:
    """What those who had clicked received: of a killed gateway, nothing."""
    gateway.process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(gateway.process.wait, SOON)
    return await asyncio.gather(*clicks)


def click(gateway: Running) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(create(gateway)) for _ in range(AT_ONCE)]


async def test_fifty_clicks_at_once_are_one_client(
    tmp_path: Path, sandbox: Running, proxy: TcpProxy
) -> None:
    with serving(tmp_path, proxy.port) as gateway:
        ends = await asyncio.gather(*click(gateway))

    made = await ottolines(sandbox)
    assert len(made) == 1
    assert [outcome_of(end) for end in ends] == [("ANSWER", made)] * AT_ONCE


@pytest.fixture
def unreachable() -> Iterator[int]:
    """A port on which no connection ever stands: its backlog is full."""
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            other = others.enter_context(socket.socket())
            other.setblocking(False)  # noqa: FBT003 - its only argument
            other.connect_ex(full.getsockname())
        yield full.getsockname()[1]


async def test_killed_between_record_and_send(
    tmp_path: Path, sandbox: Running, proxy: TcpProxy, unreachable: int
) -> None:
    with serving(tmp_path, unreachable) as gateway:
        clicks = click(gateway)
        await until(lambda: on_record(tmp_path) == [(None,)])
        assert set(await killed(gateway, clicks)) == {None}

    with serving(tmp_path, proxy.port) as gateway:
        ends = [outcome_of(await create(gateway)), outcome_of(await create(gateway))]

    assert ends == [("WRITE_UNCONFIRMED", [])] * 2
    assert await ottolines(sandbox) == []


async def test_killed_between_send_and_answer(
    tmp_path: Path, sandbox: Running, proxy: TcpProxy
) -> None:
    proxy.fault = Fault(delay=30)
    with serving(tmp_path, proxy.port) as gateway:
        clicks = click(gateway)
        made = await until(lambda: ottolines(sandbox))
        assert set(await killed(gateway, clicks)) == {None}
    assert on_record(tmp_path) == [(None,)]

    proxy.fault = Fault()
    with serving(tmp_path, proxy.port) as gateway:
        ends = [outcome_of(await create(gateway)), outcome_of(await create(gateway))]

    assert ends == [("READBACK", made)] * 2
    assert await ottolines(sandbox) == made


async def test_killed_before_the_api_had_carried_it_out(
    tmp_path: Path, sandbox: Running, proxy: TcpProxy
) -> None:
    await call_sandbox(sandbox, "POST", "/_sandbox/faults", json={"method": "POST", "latency": 2})
    with serving(tmp_path, proxy.port) as gateway:
        clicks = click(gateway)
        await until(lambda: call_sandbox(sandbox, "GET", "/_sandbox/calls"))
        assert set(await killed(gateway, clicks)) == {None}

    with serving(tmp_path, proxy.port) as gateway:
        early = outcome_of(await create(gateway))
        made = await until(lambda: ottolines(sandbox))
        late = outcome_of(await create(gateway))

    assert early in [("WRITE_UNCONFIRMED", []), ("READBACK", made)]
    assert late == ("READBACK", made)
    assert len(made) == 1


async def test_killed_between_answer_and_record(
    tmp_path: Path, sandbox: Running, proxy: TcpProxy
) -> None:
    proxy.fault = Fault(delay=1.5)
    with serving(tmp_path, proxy.port) as gateway:
        clicks = click(gateway)
        await until(lambda: on_record(tmp_path) == [(None,)])
        path = tmp_path / "state" / "state.sqlite3"
        with closing(sqlite3.connect(path, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")  # the end cannot be recorded from here on
            await asyncio.sleep(2)
            ends = await killed(gateway, clicks)
    made = await ottolines(sandbox)
    assert [outcome_of(end) for end in ends if end] in ([], [("ANSWER", made)] * AT_ONCE)
    assert on_record(tmp_path) == [(None,)]

    proxy.fault = Fault()
    with serving(tmp_path, proxy.port) as gateway:
        ends = [outcome_of(await create(gateway)), outcome_of(await create(gateway))]

    assert ends == [("READBACK", made)] * 2
    assert len(made) == 1


async def test_killed_after_the_record(tmp_path: Path, sandbox: Running, proxy: TcpProxy) -> None:
    with serving(tmp_path, proxy.port) as gateway:
        first = outcome_of(await create(gateway))
        await killed(gateway, [])
    await call_sandbox(sandbox, "DELETE", "/_sandbox/calls")

    with serving(tmp_path, proxy.port) as gateway:
        again = outcome_of(await create(gateway))

    [made] = await ottolines(sandbox)
    calls = await call_sandbox(sandbox, "GET", "/_sandbox/calls")
    assert calls[0] == f"GET /clients/{made}", "one read of the client as it is now"
    assert len(calls) == 2
    assert first == again == ("ANSWER", await ottolines(sandbox))


async def test_a_gateway_that_is_stopped_ends_the_writes_it_began(
    tmp_path: Path, sandbox: Running, proxy: TcpProxy
) -> None:
    await call_sandbox(sandbox, "POST", "/_sandbox/faults", json={"method": "POST", "latency": 1})
    with serving(tmp_path, proxy.port) as gateway:
        staying, leaving = (asyncio.create_task(create(gateway)) for _ in range(2))
        await until(lambda: on_record(tmp_path) == [(None,)])
        leaving.cancel()
        gateway.process.send_signal(signal.SIGTERM)
        end = outcome_of(await staying)
        status = await asyncio.to_thread(gateway.process.wait, SOON)

    assert (status, end) == (0, ("ANSWER", await ottolines(sandbox)))


async def test_a_write_whose_only_caller_left_is_ended_and_recorded_too(
    tmp_path: Path, sandbox: Running, proxy: TcpProxy
) -> None:
    await call_sandbox(sandbox, "POST", "/_sandbox/faults", json={"method": "POST", "latency": 1})
    with serving(tmp_path, proxy.port) as gateway:
        leaving = asyncio.create_task(create(gateway))
        await until(lambda: on_record(tmp_path) == [(None,)])
        leaving.cancel()
        await asyncio.wait([leaving])
        gateway.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(gateway.process.wait, SOON) == 0

    assert [client for (client,) in on_record(tmp_path)] == await ottolines(sandbox)


async def test_where_nothing_can_be_kept_keyed_creates_are_refused(
    tmp_path: Path, sandbox: Running, proxy: TcpProxy
) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with serving(tmp_path, proxy.port) as gateway:
        output = gateway.output
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(
                f"{output.split('GraphQL')[1].split()[0]}",
                json={"query": CREATE},
                headers={"X-API-Key": DEMO.api_key},
            )

    (line,) = [line for line in output.splitlines() if line.startswith("State")]
    assert "not kept" in line
    assert "idempotencyKey are refused" in line
    assert answer.json()["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_UNAVAILABLE"
    assert await call_sandbox(sandbox, "GET", "/_sandbox/calls") == []
