"""The promises of a server: ready once it says so, drained, and no accepted request dropped."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.sandbox.users import DEMO
from tests.e2e.conftest import Running, started

QUERY = {"query": "{ clients(first: 1) { totalCount } }"}
KEY = {"X-API-Key": DEMO.api_key}


@pytest.fixture
def gateway(sandbox: Running, tmp_path: Path) -> Iterator[Running]:
    with started(
        "serve",
        folder=tmp_path,
        GATEWAY_UPSTREAM_URL=f"{sandbox.url}/v1",
    ) as command:
        yield command


def talking_to(command: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=command.url, trust_env=False, timeout=30)


async def slowly(sandbox: Running, seconds: float, times: int = 1) -> None:
    async with talking_to(sandbox) as control:
        await control.post("/_sandbox/faults", json={"latency": seconds, "times": times})


async def calls_seen(sandbox: Running) -> None:
    """Wait until the sandbox was called."""
    async with talking_to(sandbox) as control:
        for _ in range(200):
            if (await control.get("/_sandbox/calls")).json():
                return
            await asyncio.sleep(0.02)
    raise AssertionError("the sandbox was not called")


async def ask(gateway: Running, **headers: str) -> Any:
    async with talking_to(gateway) as http:
        return (await http.post("/graphql", json=QUERY, headers=KEY | headers)).json()


async def refused(gateway: Running) -> bool:
    """Whether connections are soon taken no more: uvicorn looks ten times a second."""
    loop = asyncio.get_running_loop()
    until = loop.time() + 1.5
    async with talking_to(gateway) as http:
        while loop.time() < until:
            try:
                await http.get("/livez", headers={"Connection": "close"})
            except httpx.ConnectError:
                return True
            except (httpx.RemoteProtocolError, httpx.ReadError):
                pass  # it came while the door was closing, and was hung up on unheard
    return False


async def test_it_is_ready_once_it_has_printed_so_and_answers(gateway: Running) -> None:
    async with talking_to(gateway) as http:
        ready = await http.get("/readyz")
        answer = await http.post("/graphql", json=QUERY, headers=KEY)

    assert ready.status_code == 200
    assert answer.json()["data"] == {"clients": {"totalCount": 42}}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_request_under_way_is_answered_before_it_ends(
    gateway: Running, sandbox: Running
) -> None:
    await slowly(sandbox, 1)
    question = asyncio.create_task(ask(gateway))
    await calls_seen(sandbox)

    gateway.process.send_signal(signal.SIGTERM)

    assert (await question)["data"] == {"clients": {"totalCount": 42}}
    assert await asyncio.to_thread(gateway.process.wait, 10) == 0


async def test_it_takes_no_new_request_while_it_drains(gateway: Running, sandbox: Running) -> None:
    await slowly(sandbox, 2)
    question = asyncio.create_task(ask(gateway))
    await calls_seen(sandbox)
    gateway.process.send_signal(signal.SIGTERM)

    assert await refused(gateway)
    assert not question.done()
    assert "data" in await question


async def test_a_connection_that_is_only_kept_open_does_not_hold_it(gateway: Running) -> None:
    async with talking_to(gateway) as http:
        await http.post("/graphql", json=QUERY, headers=KEY)

        gateway.process.send_signal(signal.SIGTERM)

        assert await asyncio.to_thread(gateway.process.wait, 10) == 0


async def test_a_second_signal_ends_what_is_still_running(
    gateway: Running, sandbox: Running
) -> None:
    await slowly(sandbox, 60, times=9)
    question = asyncio.create_task(ask(gateway))
    await calls_seen(sandbox)

    gateway.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.2)
    gateway.process.send_signal(signal.SIGTERM)

    await asyncio.to_thread(gateway.process.wait, 6)
    question.cancel()


async def test_an_api_that_does_not_answer_ends_in_a_coded_error(
    gateway: Running, sandbox: Running
) -> None:
    await slowly(sandbox, 60, times=9)

    began = time.monotonic()
    answer = await ask(gateway)

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UPSTREAM_TIMEOUT"]
    assert time.monotonic() - began < 20


async def test_a_client_that_leaves_takes_no_other_with_it(
    gateway: Running, sandbox: Running
) -> None:
    await slowly(sandbox, 0.5)
    leaving = asyncio.create_task(ask(gateway))
    await calls_seen(sandbox)
    leaving.cancel()

    assert (await ask(gateway))["data"] == {"clients": {"totalCount": 42}}


async def test_a_body_too_large_is_refused_and_the_next_request_answered(
    gateway: Running,
) -> None:
    async with talking_to(gateway) as http:
        large = await http.post(
            "/graphql",
            content=b"x" * 300_000,
            headers=KEY | {"content-type": "application/json"},
        )
        answer = await http.post("/graphql", json=QUERY, headers=KEY)

    assert large.status_code == 413
    assert "data" in answer.json()


def is_executed(gateway: Running, id: str) -> bool:
    answer = httpx.post(
        f"{gateway.url}/graphql", json={"documentId": id}, headers=KEY, trust_env=False
    )
    return "data" in answer.json()


def test_sighup_loads_the_trusted_documents_again_and_a_mistake_is_one_line(
    sandbox: Running, tmp_path: Path
) -> None:
    file = tmp_path / "documents.json"
    file.write_text('{"a": "{ __typename }", "c": "{ clients { totalCount } }"}')

    with started(
        "serve",
        folder=tmp_path,
        GATEWAY_UPSTREAM_URL=f"{sandbox.url}/v1",
        GATEWAY_ALLOWED_DOCUMENTS="trusted",
        GATEWAY_TRUSTED_DOCUMENTS_FILE=str(file),
    ) as gateway:
        assert gateway.process.stdout is not None
        file.write_text('{"a": "{ nonsense }"}')
        gateway.process.send_signal(signal.SIGHUP)
        refusal = json.loads(gateway.process.stdout.readline())
        assert all(is_executed(gateway, id) for id in "acacac")  # from stored responses at last

        file.write_text('{"b": "{ __typename }"}')
        gateway.process.send_signal(signal.SIGHUP)
        assert gateway.process.stdout.readline() == "Documents 1 trusted documents loaded\n"
        assert [is_executed(gateway, id) for id in "abc"] == [False, True, False]
        assert gateway.stop() == 0

    assert refusal["level"] == "ERROR"
    assert refusal["message"].startswith("the trusted documents are unchanged: GATEWAY_TRUSTED")
    assert "nonsense" in refusal["message"]
