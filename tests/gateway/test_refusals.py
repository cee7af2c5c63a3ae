"""What a caller receives when the window is spent, through the whole gateway."""

import asyncio
from typing import Any

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, GRACE
from tests.gateway.conftest import Gateway, before

PAGE = "{ clients(first: 5) { edges { node { id notes } } } }"
CREATE = """mutation {
  a: createClient(input: { firstName: "A", lastName: "B", clientType: BUYER }) { ...Told }
  b: createClient(input: { firstName: "A", lastName: "B", clientType: BUYER }) { ...Told }
}
fragment Told on CreateClientResult {
  __typename
  ... on ClientRateLimited { code retryable retryAfter }
}"""
SPENT = {"RateLimit-Limit": "500", "RateLimit-Remaining": "0", "RateLimit-Reset": "300"}


async def send(gateway: Gateway, query: str, **headers: str) -> httpx.Response:
    return await gateway.http.post(
        "/graphql", json={"query": query}, headers={"X-API-Key": ADA.api_key, **headers}
    )


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def spent(sandbox: Sandbox) -> Sandbox:
    """An API that says with its next answer that nothing is left of the window."""
    sandbox.fail(Fault(headers=SPENT))
    return sandbox


async def test_a_query_that_would_have_to_wait_says_at_once_for_how_long(spent: Sandbox) -> None:
    async with before(spent) as gateway:
        await send(gateway, "{ clients(first: 1) { totalCount } }")
        began = now()
        answer = await send(gateway, PAGE, **{"Cache-Control": "no-cache"})

    assert answer.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert answer.json()["errors"][0]["extensions"]["retryAfter"] == 301
    assert (answer.status_code, answer.headers["Retry-After"]) == (294, "301")
    assert now() - began < 0.05
    assert len(spent.calls) == 1


async def test_a_mutation_says_it_in_its_result_and_http_says_it_too(spent: Sandbox) -> None:
    async with before(spent) as gateway:
        await send(gateway, "{ clients(first: 1) { totalCount } }")
        answer = await send(gateway, CREATE)

    limited = {
        "__typename": "ClientRateLimited",
        "code": "RATE_LIMITED",
        "retryable": True,
        "retryAfter": 301,
    }
    assert answer.json()["data"] == {"a": limited, "b": limited}
    assert (answer.status_code, answer.headers["Retry-After"]) == (200, "301")
    assert len(spent.calls) == 1


async def test_an_answer_that_needs_no_waiting_says_nothing_of_it(sandbox: Sandbox) -> None:
    async with before(sandbox) as gateway:
        answer = await send(gateway, CREATE)

    assert "Retry-After" not in answer.headers


async def test_when_the_api_is_down_it_is_soon_not_called_any_more_and_soon_after_again(
    sandbox: Sandbox,
) -> None:
    async def codes(gateway: Gateway, times: int) -> list[Any]:
        return [
            await gateway.errors(PAGE, key=person.api_key)
            for _ in range(times)
            for person in (ADA, GRACE)
        ]

    sandbox.fail(Fault(times=1_000, status=503))
    async with before(sandbox) as gateway:
        down = await codes(gateway, 20)
        sent = len(sandbox.calls)
        sandbox.faults.clear()
        await asyncio.sleep(6)
        up = await gateway.query(PAGE)

    assert down == [[("clients", "UPSTREAM_UNAVAILABLE")]] * 40
    assert sent <= 6
    assert len(up["clients"]["edges"]) == 5
