"""What a page of the list may cost is known beforehand, whatever was read and written before."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from gateway.sandbox.api import Behaviour, Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway, before

PAGE = """
query ($filter: ClientFilter, $first: Int, $after: String, $last: Int, $before: String,
       $offset: Int) {
  clients(filter: $filter, first: $first, after: $after, last: $last, before: $before,
          offset: $offset) {
    totalCount
    pageInfo { hasNextPage startCursor endCursor }
    edges { cursor node { id firstName } }
  }
}
"""
CLOSE = "mutation ($id: ID!) { updateClient(input: { id: $id, status: CLOSED }) { __typename } }"
DELETE = "mutation ($id: ID!) { deleteClient(input: { id: $id }) { __typename } }"
CREATE = """mutation { createClient(input: { firstName: "A", lastName: "B", clientType: BUYER }) {
  __typename } }"""
FILTERS: list[dict[str, str] | None] = [
    None,
    {"status": "ACTIVE"},
    {"clientType": "BUYER"},
    {"clientType": "BUYER", "status": "ACTIVE"},
]
WALKED = 10
"""Full pages read at most in search of an end that the counts deny."""
FAULTS = [None, None, "total-one-high", "total-zero", "has-more-always", "page-cap-50", "row-null"]


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Who executes an operation makes no difference here: once is enough."""


def arguments(chance: Random, cursors: list[str]) -> dict[str, Any]:
    size = chance.choice([1, 10, 25, 50, 51, 100])
    cursor = chance.choice(cursors) if cursors and chance.random() < 0.7 else None
    kind = chance.choice(["first", "first", "last", "offset"])
    if kind == "last":
        return {"last": size, "before": cursor}
    if kind == "offset":
        return {"first": size, "offset": chance.randrange(300), "after": cursor}
    return {"first": size, "after": cursor}


async def ask(gateway: Gateway, *, explain: bool, fresh: bool, **variables: Any) -> Any:
    body: dict[str, Any] = {"query": PAGE, "variables": variables}
    if explain:
        body["extensions"] = {"upstream": {"explain": True}}
    headers = {"X-API-Key": DEMO.api_key} | ({"Cache-Control": "no-cache"} if fresh else {})
    return (await gateway.http.post("/graphql", json=body, headers=headers)).json()


@pytest.mark.parametrize("seed", range(24))
async def test_a_page_never_costs_more_than_estimated_unless_the_receipt_says_why(
    seed: int,
) -> None:
    chance = Random(seed)  # noqa: S311 - the same every time
    someone = replace(DEMO, rows=chance.choice([42, 230, 1200]))
    rows: Any = chance.choice(["full", "full", "trimmed"])
    sandbox = Sandbox([someone], behaviour=Behaviour(list_rows=rows), limit=100_000)
    fault = chance.choice(FAULTS)
    if fault is not None:
        sandbox.fail(named(fault))
    cursors: list[str] = []
    async with before(sandbox) as gateway:
        for _ in range(30):
            wanted = {"filter": chance.choice(FILTERS)} | arguments(chance, cursors)
            fresh = chance.random() < 0.2
            explained = await ask(gateway, explain=True, fresh=fresh, **wanted)
            maximum = explained["extensions"]["upstream"]["explain"]["maximum"]
            spent = len(sandbox.calls)

            answer = await ask(gateway, explain=False, fresh=fresh, **wanted)

            receipt = answer["extensions"]["upstream"]
            calls = len(sandbox.calls) - spent
            assert receipt["calls"] == calls, "every call is on a receipt"
            assert calls <= maximum or receipt["drift"] or "errors" in answer, wanted
            assert calls <= maximum + WALKED, wanted
            connection = (answer.get("data") or {}).get("clients")
            edges = [] if connection is None else connection["edges"]
            assert connection is not None, answer
            cursors += [edge["cursor"] for edge in edges[-1:]]
            ids = [edge["node"]["id"] for edge in edges if edge["node"]]
            if ids and chance.random() < 0.5:
                await gateway.post(chance.choice([CLOSE, DELETE]), id=chance.choice(ids))
            if chance.random() < 0.1:
                await gateway.post(CREATE)
