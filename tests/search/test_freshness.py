"""How long a collection that was read for searches is used, and what keeps it right."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, EDSGER
from tests.gateway.conftest import Gateway, before
from tests.search.office import written

SEARCH = """query ($search: String, $order: [ClientOrder!]) {
  clients(search: $search, orderBy: $order, first: 3) { totalCount edges { node { id } } } }"""
ORDER = [{"field": "LAST_NAME"}]
CREATE = """mutation { createClient(input: { firstName: "Zoë", lastName: "Quux", clientType: BOTH })
  { ... on CreateClientSuccess { client { id } } } }"""
UPDATE = """mutation ($input: UpdateClientInput!) { updateClient(input: $input) { __typename } }"""
DELETE = """mutation ($input: DeleteClientInput!) { deleteClient(input: $input) { __typename } }"""


@pytest.fixture(autouse=True)
def compiled() -> bool:
    """The executor is all the same here: tests/search/test_model.py compares the two."""
    return True


@pytest.fixture
async def office(sandbox: Sandbox) -> AsyncIterator[Gateway]:
    async with before(sandbox) as gateway:
        yield gateway


async def receipt(gateway: Gateway, **variables: Any) -> tuple[int, float, bool]:
    """Calls, age in seconds and staleness."""
    answer = await gateway.post(SEARCH, key=EDSGER.api_key, **variables)
    upstream = answer["extensions"]["upstream"]
    return upstream["calls"], upstream["ages"]["oldestSeconds"], upstream["stale"]


async def test_a_scan_of_25_calls_is_fresh_for_25_times_as_long_as_a_page(
    office: Gateway, sandbox: Sandbox
) -> None:
    await receipt(office, search="a", order=ORDER)
    for letters in ("an", "ana", "ana", "ana b"):
        await asyncio.sleep(180)
        calls, _, stale = await receipt(office, search=letters, order=ORDER)
        assert (calls, stale) == (0, False)
    assert len(sandbox.calls) == 25

    await asyncio.sleep(60)
    calls, age, stale = await receipt(office, search="ana be", order=ORDER)
    assert (calls, round(age), stale) == (0, 780, True)

    await asyncio.sleep(1)  # read again in the background
    calls, age, stale = await receipt(office, search="ana ber", order=ORDER)
    assert (calls, round(age), stale) == (25, 1, False)
    assert len(sandbox.calls) == 50


async def test_a_repeated_search_of_an_old_scan_is_a_stored_response(office: Gateway) -> None:
    for _ in range(3):
        await receipt(office, search="an", order=ORDER)
        await asyncio.sleep(200)

    answer = await office.post(SEARCH, key=EDSGER.api_key, search="an", order=ORDER)

    upstream = answer["extensions"]["upstream"]
    assert (upstream["calls"], upstream["saved"], upstream["stale"]) == (0, 25, False)
    assert round(upstream["ages"]["oldestSeconds"]) == 600


async def test_own_writes_change_what_is_found_without_a_call(
    office: Gateway, sandbox: Sandbox
) -> None:
    async def found(search: str) -> int:
        data = await office.query(SEARCH, key=ADA.api_key, search=search, order=ORDER)
        return int(data["clients"]["totalCount"])

    named = await found("ana")
    assert await found("zoe") == 0
    created = await office.query(CREATE, key=ADA.api_key)
    id = created["createClient"]["client"]["id"]
    assert await found("zoe q") == 1
    changed = {"id": id, "email": "ana@example.com", "phone": "+1 (661) 555-9876"}
    await office.query(UPDATE, key=ADA.api_key, input=changed)
    assert (await found("ana"), await found("5559876")) == (named + 1, 1)
    await office.query(DELETE, key=ADA.api_key, input={"id": id})

    assert (await found("zoe"), await found("ana")) == (0, named)
    assert sandbox.calls == [
        "GET /clients?page=1&limit=100",
        "POST /clients",
        f"PUT /clients/{id}",
        f"DELETE /clients/{id}",
    ]


async def test_a_client_read_elsewhere_is_found_as_it_was_read(
    office: Gateway, sandbox: Sandbox
) -> None:
    await office.query(SEARCH, key=ADA.api_key, search="ana")
    id = sandbox.rows_of(ADA)[0]["id"]
    rows = written(sandbox, ADA)
    rows[id] = {**rows[id], "first_name": "Quux", "version": rows[id]["version"] + 1}

    headers = {"X-API-Key": ADA.api_key, "Cache-Control": "no-cache"}
    body = {"query": f'{{ client(id: "{id}") {{ firstName }} }}'}
    await office.http.post("/graphql", json=body, headers=headers)
    data = await office.query(SEARCH, key=ADA.api_key, search="quux")

    assert [edge["node"]["id"] for edge in data["clients"]["edges"]] == [id]
    assert len(sandbox.calls) == 2


async def test_an_unconfirmed_write_has_the_collection_read_again(
    office: Gateway, sandbox: Sandbox
) -> None:
    await office.query(SEARCH, key=ADA.api_key, search="ana")
    id = sandbox.rows_of(ADA)[0]["id"]
    sandbox.fail(Fault("PUT", lost=True), Fault("GET", path=f"/clients/{id}", status=503, times=9))
    await office.post(UPDATE, key=ADA.api_key, input={"id": id, "email": "quux@example.com"})
    sandbox.faults.clear()

    data = await office.query(SEARCH, key=ADA.api_key, search="quux")

    assert data["clients"]["totalCount"] == 1


async def test_searches_at_the_same_time_share_the_calls(office: Gateway, sandbox: Sandbox) -> None:
    typed = [
        office.query(SEARCH, key=EDSGER.api_key, search="nguyen"[:length], order=ORDER)
        for length in range(1, 7)
    ]

    await asyncio.gather(*typed)

    assert len(sandbox.calls) == 25


async def test_no_cache_reads_the_collection_again(office: Gateway, sandbox: Sandbox) -> None:
    body = {"query": SEARCH, "variables": {"search": "ana"}}
    for _ in range(2):
        headers = {"X-API-Key": ADA.api_key, "Cache-Control": "no-cache"}
        await office.http.post("/graphql", json=body, headers=headers)

    assert len(sandbox.calls) == 2


async def test_an_api_that_is_down_leaves_the_last_scan_marked_as_stale(
    office: Gateway, sandbox: Sandbox
) -> None:
    await receipt(office, search="a")
    sandbox.fail(Fault(times=1_000, status=503))
    await asyncio.sleep(1_000)

    for letters in ("b", "be"):
        _, age, stale = await receipt(office, search=letters)
        assert (round(age), stale) == (1_000, True)
