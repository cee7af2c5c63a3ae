"""Pages of the size that the API answers: learnt at the cost of one call, and relearnt in time."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.faults import ALWAYS, Fault, SandboxRequest, SandboxResponse
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway, before

PAGE = """
query ($first: Int, $offset: Int) {
  clients(first: $first, offset: $offset) { totalCount edges { node { id } } }
}
"""
LARGE = replace(DEMO, rows=2500)


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Who executes an operation makes no difference here: once is enough."""


def refuse(call: SandboxRequest, answer: SandboxResponse) -> None:
    """Refuse pages of more than 50 rows."""
    if call.limit > 50:
        answer.status = 413
        answer.content = b"too large"


async def page(gateway: Gateway, first: int, offset: int = 0) -> tuple[list[str], Any]:
    answer = await gateway.post(PAGE, first=first, offset=offset)
    assert "errors" not in answer, answer
    edges = answer["data"]["clients"]["edges"]
    return [edge["node"]["id"] for edge in edges], answer["extensions"]["upstream"]


CAPPED: dict[str, tuple[Fault, list[str]]] = {
    "stated": (named("page-cap-50"), ["1&limit=100", "2&limit=50"]),
    "not stated": (named("page-cap-50-silent"), ["1&limit=100", "1&limit=100", "2&limit=50"]),
    "400": (named("page-refused"), ["1&limit=100", "1&limit=50", "2&limit=50"]),
    "413": (Fault("GET", times=ALWAYS, change=refuse), ["1&limit=100", "1&limit=50", "2&limit=50"]),
}


@pytest.mark.parametrize("how", CAPPED)
async def test_a_page_that_is_refused_or_cut_costs_one_call_and_is_not_tried_again(
    how: str,
) -> None:
    fault, calls = CAPPED[how]
    sandbox = Sandbox([LARGE])
    sandbox.fail(fault)
    rows = [row["id"] for row in sandbox.rows_of(LARGE)]
    async with before(sandbox) as gateway:
        first, _ = await page(gateway, 25)
        second, receipt = await page(gateway, 50, 25)
        spent = [call.removeprefix("GET /clients?page=") for call in sandbox.calls]
        third, last = await page(gateway, 100, 200)

    assert (first, second, third) == (rows[:25], rows[25:75], rows[200:300])
    assert spent == calls
    assert receipt["calls"] <= 2
    assert last["calls"] == 2, "two pages of 50"


async def test_a_full_page_is_tried_again_after_a_quarter_of_an_hour() -> None:
    sandbox = Sandbox([LARGE])
    sandbox.fail(named("page-cap-50"))
    async with before(sandbox) as gateway:
        await page(gateway, 25)
        sandbox.faults.clear()
        await asyncio.sleep(800)
        await page(gateway, 25, 100)
        await asyncio.sleep(200)
        await page(gateway, 25, 200)

    assert [call.removeprefix("GET /clients?page=") for call in sandbox.calls] == [
        "1&limit=100",
        "3&limit=50",
        "3&limit=100",
    ]
