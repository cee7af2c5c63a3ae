"""A client scrolls over a socket while its own app closes, deletes and creates what it shows."""

import json
from random import Random
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.serving import Serving, Way, Wire, post, serving

PAGE = """query ($first: Int, $after: String, $last: Int, $before: String) {
  clients(filter: { status: ACTIVE }, first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id } } } }"""
UPDATE = "mutation ($id: ID!) { updateClient(input: { id: $id, status: %s }) { __typename } }"
NEW = '{ firstName: "A", lastName: "B", clientType: BUYER }'
WRITES = {
    "close": UPDATE % "CLOSED",
    "reopen": UPDATE % "ACTIVE",
    "delete": "mutation ($id: ID!) { deleteClient(input: { id: $id }) { __typename } }",
    "create": f"mutation {{ createClient(input: {NEW}) {{ __typename }} }}",
}


def ask(wire: Wire, query: str, **variables: Any) -> Any:
    answer = wire.ask(post(json.dumps({"query": query, "variables": variables}).encode()))
    return json.loads(answer.content)


def active(sandbox: Sandbox) -> list[str]:
    return [row["id"] for row in sandbox.rows_of(DEMO) if row["status"] == "active"]


@pytest.fixture
def fresh(way: Way) -> Any:
    with serving(Sandbox(), way) as gateway:
        yield gateway


def test_after_the_tenth_client_was_closed_the_eleventh_is_shown(fresh: Serving) -> None:
    rows = active(fresh.sandbox)
    with fresh.connection() as wire:
        first = ask(wire, PAGE, first=10)["data"]["clients"]
        ask(wire, WRITES["close"], id=rows[9])
        second = ask(wire, PAGE, first=10, after=first["pageInfo"]["endCursor"])

    assert [edge["node"]["id"] for edge in first["edges"]] == rows[:10]
    assert first["edges"][-1]["cursor"] == first["pageInfo"]["endCursor"]
    shown = [edge["node"]["id"] for edge in second["data"]["clients"]["edges"]]
    assert shown == rows[10:20]
    assert second["data"]["clients"]["totalCount"] == len(rows) - 1
    assert second["extensions"]["upstream"]["calls"] == 0
    assert second["extensions"]["upstream"]["drift"] is False
    assert fresh.sandbox.calls == ["GET /clients?page=1&limit=100", f"PUT /clients/{rows[9]}"]


def test_a_cursor_outlives_the_gateway_and_its_row(way: Way) -> None:
    sandbox = Sandbox()
    rows = active(sandbox)
    with serving(sandbox, way) as old, old.connection() as wire:
        cursor = ask(wire, PAGE, first=10)["data"]["clients"]["pageInfo"]["endCursor"]
        for id in rows[7:10]:
            ask(wire, WRITES["delete"], id=id)
    with serving(sandbox, way) as new, new.connection() as wire:
        found = ask(wire, PAGE, first=5, after=cursor)["data"]["clients"]["edges"]

    assert [edge["node"]["id"] for edge in found] == rows[10:15]


@pytest.mark.parametrize("back", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("seed", range(3))
def test_each_client_that_stayed_is_shown_exactly_once(
    fresh: Serving, seed: int, *, back: bool
) -> None:
    chance, sandbox = Random(seed), fresh.sandbox  # noqa: S311 - the same every time
    stayed, seen, cursor = set(active(sandbox)), [], None
    with fresh.connection() as wire:
        for _ in range(30):
            wanted = {"last": 4, "before": cursor} if back else {"first": 4, "after": cursor}
            answer = ask(wire, PAGE, **wanted)
            assert answer["extensions"]["upstream"]["drift"] is False
            page = answer["data"]["clients"]
            seen += [edge["node"]["id"] for edge in page["edges"]]
            info = page["pageInfo"]
            if not info["hasPreviousPage" if back else "hasNextPage"]:
                break
            cursor = info["startCursor" if back else "endCursor"]
            shown = [edge["node"]["id"] for edge in page["edges"]]
            for id in [shown[0 if back else -1], chance.choice(sandbox.rows_of(DEMO))["id"]]:
                ask(wire, WRITES[chance.choice(list(WRITES))], id=id)
            stayed &= set(active(sandbox))

    assert sorted(id for id in seen if id in stayed) == sorted(stayed)
