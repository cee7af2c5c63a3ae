"""What a whole office's ways of asking cost: calls, counted by the API itself."""

import asyncio
from dataclasses import replace

import pytest

from bench.window import post
from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, GRACE
from tests.clockwork import VIRTUAL
from tests.gateway.conftest import Gateway, settings
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio

NAMES = "{ clients(first: 25) { totalCount edges { node { id fullName } } } }"
NOTES = "{ clients(first: 25) { edges { node { notes } } } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Client { fullName email } } }"
BY_STATUS = """query ($status: ClientStatus) {
  clients(filter: { status: $status }, first: 100) { edges { node { id } } }
}"""
BY_TYPE = """query ($kind: ClientType) {
  clients(filter: { clientType: $kind }, first: 100) { edges { node { id } } }
}"""
CHANGE = """mutation ($id: ID!) {
  updateClient(input: { id: $id, phone: "(661) 555-0100" }) { __typename }
}"""
PAGE = "GET /clients?page=1&limit=100"


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL


def receipt_of(answer: dict[str, object]) -> dict[str, object]:
    extensions = answer["extensions"]
    assert isinstance(extensions, dict)
    upstream = extensions["upstream"]
    assert isinstance(upstream, dict)
    return upstream


async def test_thousands_at_once_cost_one_call(sandbox: Sandbox, *, compiled: bool) -> None:
    crowd = 10_000 if compiled else 1_000  # the slower execution shares the same read
    clock = asyncio.get_running_loop().time
    app = create_app(settings(max_concurrent_requests=crowd), wire=InProcess(sandbox), clock=clock)
    # Past the client library, which would take most of the time.
    answers = await asyncio.gather(*(post(app, ADA.api_key, NAMES, {}) for _ in range(crowd)))

    assert sandbox.calls == [PAGE]
    assert {len(answer["data"]["clients"]["edges"]) for answer in answers} == {25}
    assert sum(receipt_of(answer)["calls"] for answer in answers) == 1  # type: ignore[misc]


async def test_twenty_nodes_of_forty_two_cost_one_call(gateway: Gateway, sandbox: Sandbox) -> None:
    ids = [row["id"] for row in sandbox.rows_of(ADA)[5:25]]
    data = await gateway.query(NODES, ids=ids)

    assert [node["id"] for node in data["nodes"]] == ids
    assert sandbox.calls == [PAGE]


async def test_a_field_that_rows_lack_costs_a_detail_each_and_nothing_again(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")
    first, again = await gateway.query(NOTES), await gateway.query(NOTES)

    assert first == again
    assert len(sandbox.calls) == 26
    assert sandbox.calls[0] == PAGE


async def test_a_whole_small_collection_answers_every_filter_for_nothing(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await gateway.query(NAMES)
    for status in ("ACTIVE", "INACTIVE", "CLOSED"):
        data = await gateway.query(BY_STATUS, status=status)
        assert [edge["node"]["id"] for edge in data["clients"]["edges"]] == [
            row["id"] for row in sandbox.rows_of(ADA) if row["status"] == status.lower()
        ]

    assert sandbox.calls == [PAGE]


@pytest.mark.parametrize("both", [True, False])
async def test_what_a_filter_by_type_means_is_learnt_by_asking_once(
    gateway: Gateway, sandbox: Sandbox, *, both: bool
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, filter_both=both)
    await gateway.query(NAMES)
    for kind in ("BUYER", "SELLER", "BUYER"):
        data = await gateway.query(BY_TYPE, kind=kind)
        kinds = {kind.lower(), "both"} if both else {kind.lower()}
        assert [edge["node"]["id"] for edge in data["clients"]["edges"]] == [
            row["id"] for row in sandbox.rows_of(ADA) if row["client_type"] in kinds
        ]

    assert sandbox.calls == [PAGE, "GET /clients?page=1&limit=100&client_type=buyer"]


async def test_a_write_leaves_the_lists_of_its_caller_known(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await gateway.query(NAMES)
    id = sandbox.rows_of(ADA)[3]["id"]
    await gateway.query(CHANGE, id=id)
    await gateway.query(
        "mutation ($id: ID!) { deleteClient(input: { id: $id }) { __typename } }", id=id
    )
    await gateway.query(
        'mutation { createClient(input: { firstName: "Eve", lastName: "New", clientType: BUYER })'
        " { __typename } }"
    )
    data = await gateway.query(NAMES)

    assert [edge["node"]["id"] for edge in data["clients"]["edges"]] == [
        row["id"] for row in sandbox.rows_of(ADA)[:25]
    ]
    assert data["clients"]["totalCount"] == 42
    assert sandbox.calls == [PAGE, f"PUT /clients/{id}", f"DELETE /clients/{id}", "POST /clients"]


async def test_what_is_not_fresh_is_returned_at_once_and_revalidated_behind_it(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await gateway.query(NAMES)
    await asyncio.sleep(40)
    old = receipt_of(await gateway.post(NAMES))
    await asyncio.sleep(1)
    young = receipt_of(await gateway.post(NAMES))

    assert (old["calls"], old["stale"], old["ages"]) == (0, True, {"oldestSeconds": 40})
    assert (young["calls"], young["stale"], young["ages"]) == (1, False, {"oldestSeconds": 1})
    assert sandbox.calls == [PAGE] * 2


async def test_an_outage_of_five_minutes_is_bridged_and_flagged(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await gateway.query(NAMES)
    await asyncio.sleep(20)
    sandbox.fail(Fault(times=10_000, dropped=True))
    ages = []
    for _ in range(9):
        await asyncio.sleep(30)
        answer = await gateway.post(NAMES)
        assert "errors" not in answer
        ages.append((receipt_of(answer)["ages"], receipt_of(answer)["stale"]))
    await asyncio.sleep(20)

    assert ages == [({"oldestSeconds": age}, age > 30) for age in range(50, 300, 30)]
    assert await gateway.errors(NAMES) == [("clients", "UPSTREAM_UNAVAILABLE")]


async def test_paging_on_after_rows_were_deleted_neither_repeats_nor_skips(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    query = """query ($after: String) { clients(first: 10, after: $after) {
      pageInfo { endCursor } edges { node { id } } } }"""
    everyone = [row["id"] for row in sandbox.rows_of(GRACE)]
    page = (await gateway.query(query, key=GRACE.api_key))["clients"]
    seen = [edge["node"]["id"] for edge in page["edges"]]
    for id in everyone[2:4]:
        await gateway.query(
            "mutation ($id: ID!) { deleteClient(input: { id: $id }) { __typename } }",
            key=GRACE.api_key,
            id=id,
        )
    await asyncio.sleep(400)
    while len(seen) < len(everyone):
        page = (await gateway.query(query, key=GRACE.api_key, after=page["pageInfo"]["endCursor"]))[
            "clients"
        ]
        seen += [edge["node"]["id"] for edge in page["edges"]]

    assert seen == everyone
