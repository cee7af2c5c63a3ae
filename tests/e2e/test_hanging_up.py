"""Clients that leave before they are answered: what was not sent for them need not be."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from gateway.sandbox.users import DEMO
from tests.e2e.conftest import Running, started

CREATE = """mutation ($name: String!) {
  createClient(input: { firstName: $name, lastName: "B", clientType: BUYER }) { __typename }
}"""
LIST = "query ($offset: Int) { clients(first: 1, offset: $offset) { edges { node { id } } } }"


@pytest.fixture
def gateway(sandbox: Running, tmp_path: Path) -> Iterator[Running]:
    """One call at a time, and nothing cached: requests wait in the queue."""
    with started(
        "serve",
        folder=tmp_path,
        GATEWAY_UPSTREAM_URL=f"{sandbox.url}/v1",
        GATEWAY_UPSTREAM_MAX_CONCURRENCY="1",
        GATEWAY_CACHE="false",
    ) as command:
        yield command


async def asks(gateway: Running, query: str, **variables: Any) -> asyncio.StreamWriter:
    """Send an operation, and do not wait for its answer."""
    url = urlsplit(gateway.url)
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    body = orjson.dumps({"query": query, "variables": variables})
    head = (
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"x-api-key: {DEMO.api_key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    return writer


async def seen(sandbox: Running, wanted: int) -> list[str]:
    """The calls that the sandbox saw, once there are as many as wanted."""
    calls: list[str] = []
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as control:
        for _ in range(200):
            calls = (await control.get("/_sandbox/calls")).json()
            if len(calls) >= wanted:
                break
            await asyncio.sleep(0.05)
    return calls


async def test_reads_in_line_are_dropped_when_their_clients_leave_and_writes_never(
    gateway: Running, sandbox: Running
) -> None:
    known = await asks(gateway, LIST, offset=0)  # a credential the API accepts delays no other
    await seen(sandbox, 1)
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as control:
        await control.post("/_sandbox/faults", json={"latency": 1.5, "times": 1})
    first = await asks(gateway, LIST, offset=1)
    await seen(sandbox, 2)
    reads = [await asks(gateway, LIST, offset=offset) for offset in range(2, 8)]
    writes = [await asks(gateway, CREATE, name=name) for name in ("Ada", "Bea")]
    kept = await asks(gateway, LIST, offset=8)
    await asyncio.sleep(0.3)
    for writer in (*reads, *writes):
        writer.close()

    calls = await seen(sandbox, 5)
    await asyncio.sleep(1)
    later = await seen(sandbox, 5)

    assert calls == later
    assert sorted(call.split("?")[0] for call in calls[2:]) == [
        "GET /clients",
        "POST /clients",
        "POST /clients",
    ]
    for writer in (known, first, kept):
        writer.close()
