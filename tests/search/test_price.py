"""What a search costs: the pages of the collection, once."""

from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, EDSGER
from tests.gateway.conftest import Gateway

SEARCH = """query ($search: String, $orderBy: [ClientOrder!], $filter: ClientFilter) {
  clients(search: $search, orderBy: $orderBy, filter: $filter, first: 5) {
    totalCount edges { node { id fullName } } facets { status { value count } }
  }
}"""
LAST_NAME = [{"field": "LAST_NAME"}]
PAGES = [f"GET /clients?page={page}&limit=100" for page in range(1, 26)]


@pytest.mark.parametrize(
    "variables",
    [
        {"search": "to"},
        {"orderBy": LAST_NAME},
        {"filter": {"statusIn": ["ACTIVE"]}},
        {"filter": {"status": "ACTIVE"}},
        {"search": "ana", "orderBy": LAST_NAME, "filter": {"clientType": "BUYER"}},
    ],
)
async def test_a_small_collection_costs_one_call_and_then_none(
    gateway: Gateway, sandbox: Sandbox, variables: dict[str, Any]
) -> None:
    await gateway.query(SEARCH, **variables)
    assert sandbox.calls == PAGES[:1]

    await gateway.query(SEARCH, search="nguyen", orderBy=[{"field": "BUDGET_MAX"}])
    await gateway.query(SEARCH, filter={"tagsAny": ["hot"]})

    assert sandbox.calls == PAGES[:1]


async def test_a_large_collection_costs_its_pages_and_typing_then_nothing(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    for length in range(1, 11):
        typed = "ana nguyen"[:length]
        await gateway.query(SEARCH, key=EDSGER.api_key, search=typed, orderBy=LAST_NAME)

    assert sorted(sandbox.calls) == sorted(PAGES)


async def test_a_search_is_not_another_callers(gateway: Gateway, sandbox: Sandbox) -> None:
    ours = await gateway.query(SEARCH, key=ADA.api_key, search="ana")
    theirs = await gateway.query(SEARCH, key=EDSGER.api_key, search="ana")

    assert ours["clients"]["totalCount"] < theirs["clients"]["totalCount"]
    assert len(sandbox.calls) == 26
