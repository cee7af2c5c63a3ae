"""A version that goes back: a backup was restored, a column reset, or a replica lags."""

import asyncio
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway
from tests.gateway.test_prices import price
from tests.gateway.test_reading import truth

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Client { version notes } } }"
ONE = "query ($id: ID!) { client(id: $id) { version phone } }"
ROWS = "query ($first: Int) { clients(first: $first) { edges { node { version } } } }"
UPDATE = """mutation ($id: ID!, $version: Int!) {
  updateClient(input: {id: $id, phone: "+1 555 0100", expectedVersion: $version}) {
    __typename ... on UpdateClientSuccess { client { version phone } }
  }
}"""
CREATE = """mutation { createClient(input: {firstName: "A", lastName: "B", clientType: BUYER}) {
  ... on CreateClientSuccess { client { id } } } }"""


MISSING = '{"success":false,"error":{"code":"NOT_FOUND","message":"Client not found."}}'


def tell(sandbox: Sandbox, path: str = "/clients", **record: Any) -> None:
    """Let every answer to a GET tell this of each client."""
    sandbox.faults.clear()
    sandbox.fail(Fault("GET", path, times=10_000, record=record))


def version_of(sandbox: Sandbox, id: str) -> Any:
    """The version the API would compare with."""
    return next(row["version"] for row in sandbox.rows_of(DEMO) if row["id"] == id)


async def ask(gateway: Gateway, query: str, **variables: Any) -> tuple[Any, Any]:
    """The data of an answer without errors, and its receipt."""
    answer = await gateway.post(query, **variables)
    assert "errors" not in answer, answer
    return answer["data"], answer["extensions"]["upstream"]


async def test_twenty_nodes_cost_what_was_estimated_and_are_all_returned_flagged(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    ids = truth(sandbox)[:20]
    tell(sandbox, version=7)
    await ask(gateway, ROWS, first=3)
    await asyncio.sleep(100)
    tell(sandbox, version=5)
    sandbox.calls.clear()
    most = (await price(gateway, NODES, ids=ids))[2]

    data, receipt = await ask(gateway, NODES, ids=ids)

    assert [node["version"] for node in data["nodes"]] == [7] * 20
    assert (receipt["stale"], receipt["ages"]["oldestSeconds"]) == (True, 100)
    assert sandbox.calls == ["GET /clients?page=1&limit=100"]
    assert receipt["calls"] == 1 <= most


async def test_a_version_that_stays_back_is_believed_once_the_age_bound_has_passed(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    ids = truth(sandbox)[:20]
    tell(sandbox, version=7)
    await ask(gateway, ROWS, first=3)
    tell(sandbox, version=5)

    seen = []
    for _ in range(10):
        await asyncio.sleep(35)
        data, receipt = await ask(gateway, NODES, ids=ids)
        seen.append(({node["version"] for node in data["nodes"]}, receipt["stale"]))

    assert seen == [({7}, True)] * 8 + [({5}, False), ({5}, True)]
    assert len(sandbox.calls) <= 1 + 10


async def test_a_list_is_flagged_until_the_age_bound_and_then_returned_as_it_is(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    tell(sandbox, version=7)
    await ask(gateway, ROWS, first=3)
    tell(sandbox, version=5)
    await asyncio.sleep(200)

    held, receipt = await ask(gateway, ROWS, first=3)
    assert [edge["node"]["version"] for edge in held["clients"]["edges"]] == [7, 7, 7]
    assert (receipt["calls"], receipt["stale"], receipt["ages"]["oldestSeconds"]) == (1, True, 200)

    await asyncio.sleep(101)
    now, receipt = await ask(gateway, ROWS, first=3)
    assert [edge["node"]["version"] for edge in now["clients"]["edges"]] == [5, 5, 5]
    assert (receipt["calls"], receipt["stale"]) == (1, False)


async def test_what_the_api_contradicted_just_now_is_not_read_again_by_every_request(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    tell(sandbox, version=7)
    await ask(gateway, ROWS, first=3)
    tell(sandbox, version=5)
    await asyncio.sleep(100)
    sandbox.calls.clear()

    for _ in range(5):
        data, receipt = await ask(gateway, ROWS, first=3)
        assert [edge["node"]["version"] for edge in data["clients"]["edges"]] == [7, 7, 7]
        assert receipt["stale"] is True

    assert sandbox.calls == ["GET /clients?page=1&limit=100"]


async def test_a_detail_read_that_lags_behind_a_write_costs_one_call_and_takes_nothing_back(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    id = truth(sandbox)[0]
    tell(sandbox, f"/clients/{id}", version=1, phone="old")
    before, _ = await ask(gateway, ONE, id=id)
    assert before == {"client": {"version": 1, "phone": "old"}}
    sandbox.fail(Fault("PUT", record={"version": 2}))
    sandbox.faults.reverse()
    sandbox.calls.clear()

    await ask(gateway, UPDATE, id=id, version=version_of(sandbox, id))
    written = sandbox.calls.copy()
    own, _ = await ask(gateway, ONE, id=id)
    await asyncio.sleep(100)
    lagging, receipt = await ask(gateway, ONE, id=id)

    assert own == lagging == {"client": {"version": 2, "phone": "+1 555 0100"}}
    assert (receipt["calls"], receipt["stale"]) == (1, True)
    assert (len(written), len(sandbox.calls)) == (1, 2)


async def test_a_write_on_top_of_a_version_that_went_back_is_returned_at_once(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    id = truth(sandbox)[0]
    tell(sandbox, version=70)
    await ask(gateway, ONE, id=id)
    sandbox.faults.clear()
    version = version_of(sandbox, id)

    await ask(gateway, UPDATE, id=id, version=version)
    data, receipt = await ask(gateway, ONE, id=id)

    assert data == {"client": {"version": version + 1, "phone": "+1 555 0100"}}
    assert (receipt["calls"], receipt["stale"]) == (0, False)


async def test_a_404_for_a_moment_after_a_create_does_not_make_the_client_absent(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    made, _ = await ask(gateway, CREATE)
    id = made["createClient"]["client"]["id"]
    missing = Fault("GET", f"/clients/{id}", times=2, status=404, body=MISSING)
    sandbox.fail(missing)
    query = "query ($id: ID!) { client(id: $id) { firstName } }"
    body = {"query": query, "variables": {"id": id}}
    headers = {"X-API-Key": DEMO.api_key, "Cache-Control": "no-cache"}

    lagging = (await gateway.http.post("/graphql", json=body, headers=headers)).json()
    assert lagging["data"] == {"client": {"firstName": "A"}}
    assert lagging["extensions"]["upstream"]["stale"] is True

    await asyncio.sleep(31)
    missing.times = 1
    gone = (await gateway.http.post("/graphql", json=body, headers=headers)).json()
    assert gone["data"] == {"client": None}


async def test_a_field_that_a_client_just_created_does_not_show_yet_is_an_error_and_no_absence(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    made, _ = await ask(gateway, CREATE)
    id = made["createClient"]["client"]["id"]
    sandbox.calls.clear()
    sandbox.fail(Fault("GET", f"/clients/{id}", 2, status=404, body=MISSING))

    errors = await gateway.errors("query ($id: ID!) { client(id: $id) { notes } }", id=id)

    assert errors == [("client", "UPSTREAM_UNAVAILABLE")]
    assert sandbox.calls == [f"GET /clients/{id}"] * 2


@pytest.mark.parametrize("version", [None, "7", [7], 7.5, True])
async def test_a_version_that_is_none_now_and_then_hides_nothing_and_costs_nothing_more(
    gateway: Gateway, sandbox: Sandbox, version: object
) -> None:
    id = truth(sandbox)[0]
    seen = []
    for returned in (7, version, 7, version):
        tell(sandbox, version=returned, phone=f"of {returned}")
        answer = await gateway.post("query ($id: ID!) { client(id: $id) { phone } }", id=id)
        seen.append((answer["data"]["client"]["phone"], answer["extensions"]["upstream"]["calls"]))
        await asyncio.sleep(100)

    assert seen == [(f"of {returned}", 1) for returned in (7, version, 7, version)]


async def test_one_version_with_other_content_is_believed_as_it_was_read_last(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    id = truth(sandbox)[0]
    both = "query ($id: ID!) { client(id: $id) { phone notes } }"
    tell(sandbox, version=7, phone="one", notes="first", updated_at="2026-07-02T00:00:00Z")
    await ask(gateway, both, id=id)
    await asyncio.sleep(100)
    tell(sandbox, version=7, phone="two", notes="second", updated_at="2026-07-01T00:00:00Z")

    data, receipt = await ask(gateway, both, id=id)

    assert data == {"client": {"phone": "two", "notes": "second"}}
    assert (receipt["calls"], receipt["stale"]) == (1, False)
