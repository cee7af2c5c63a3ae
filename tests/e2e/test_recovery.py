"""The API goes away in the middle of a question, and comes back."""

import asyncio
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.sandbox.users import DEMO
from tests.e2e.conftest import started

DEADLINE = 10
QUERY = {"query": "{ clients(first: 1) { totalCount edges { node { id } } } }"}


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def poll(url: str, until: Callable[[Any], bool], times: int) -> Any:
    """Ask until the answer is as wanted, at most so many times; the last answer."""
    answer = None
    async with httpx.AsyncClient(trust_env=False, timeout=2 * DEADLINE) as http:
        for _ in range(times):
            headers = {"X-API-Key": DEMO.api_key, "Cache-Control": "no-cache"}
            answer = (await http.post(f"{url}/graphql", json=QUERY, headers=headers)).json()
            if until(answer):
                break
            await asyncio.sleep(0.2)
    return answer


async def test_a_question_the_api_dies_under_gets_a_coded_error_and_the_next_an_answer(
    tmp_path: Path, free_port: int
) -> None:
    at = ("sandbox", "--port", str(free_port))
    with started(
        "serve",
        folder=tmp_path,
        GATEWAY_UPSTREAM_URL=f"http://127.0.0.1:{free_port}/v1",
    ) as gateway:
        with started(*at, folder=tmp_path) as sandbox:
            fault = {"path": "/clients", "latency": 30, "times": 9}
            async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as control:
                await control.post("/_sandbox/faults", json=fault)
                question = asyncio.create_task(poll(gateway.url, lambda _: True, 1))
                calls: list[str] = []
                for _ in range(100):
                    calls = (await control.get("/_sandbox/calls")).json()
                    if calls:
                        break
                    await asyncio.sleep(0.05)
            assert calls
            sandbox.stop(signal.SIGKILL)
            answer = await asyncio.wait_for(question, DEADLINE + 5)

        assert answer["errors"][0]["extensions"]["code"] in {
            "UPSTREAM_UNAVAILABLE",
            "UPSTREAM_TIMEOUT",
        }
        assert answer["data"] == {"clients": None}
        with started(*at, folder=tmp_path):
            healed = await poll(gateway.url, lambda answer: "errors" not in answer, 25)

    assert healed["data"]["clients"]["totalCount"] == 42
