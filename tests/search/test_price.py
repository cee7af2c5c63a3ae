"""What a search costs: the pages of the collection, once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, EDSGER, GRACE
from tests.gateway.conftest import Gateway, before
from tests.search.office import Office

SEARCH = """query ($search: String, $searchIn: [ClientSearchField!],
    $orderBy: [ClientOrder!], $filter: ClientFilter) {
  clients(search: $search, searchIn: $searchIn, orderBy: $orderBy, filter: $filter, first: 5) {
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


async def test_explain_foretells_what_a_search_costs(gateway: Gateway, sandbox: Sandbox) -> None:
    async def price(**variables: Any) -> tuple[int, int, int]:
        extensions = {"upstream": {"explain": True}}
        body = {"query": SEARCH, "variables": variables, "extensions": extensions}
        headers = {"X-API-Key": EDSGER.api_key}
        answer = (await gateway.http.post("/graphql", json=body, headers=headers)).json()
        cost = answer["extensions"]["upstream"]["explain"]
        return cost["minimum"], cost["expected"], cost["maximum"]

    completing = 9  # rows of which nothing is known may lack fields
    assert await price(search="ana") == (1, 1, 25 + completing)
    assert sandbox.calls == []
    await gateway.query("{ clients { totalCount } }", key=EDSGER.api_key)
    spent = len(sandbox.calls)
    calls, expected, most = await price(search="ana")
    assert calls == expected == most - completing

    await gateway.query(SEARCH, key=EDSGER.api_key, search="ana")

    assert len(sandbox.calls) == spent + calls
    assert await price(search="ben", orderBy=LAST_NAME) == (0, 0, 0)


async def test_a_collection_that_is_too_large_costs_one_call_whose_page_is_kept(
    sandbox: Sandbox,
) -> None:
    async with before(sandbox, max_operation_cost=23) as gateway:
        cold = await gateway.post(SEARCH, key=EDSGER.api_key, search="ana")
        again = await gateway.post(SEARCH, key=EDSGER.api_key, search="ana")
        assert sandbox.calls == PAGES[:1]
        await gateway.query("{ clients(first: 50) { totalCount } }", key=EDSGER.api_key)

    assert sandbox.calls == PAGES[:1]
    [error] = cold["errors"]
    assert error["path"] == ["clients"]
    assert error["extensions"]["code"] == "TOO_EXPENSIVE"
    assert error["message"] == (
        "To search, sort or count 2500 clients takes 24 more calls of the API's window, and one"
        " operation may cost 23: narrow it by `filter.clientType` or `filter.status`, or raise"
        " GATEWAY_MAX_OPERATION_COST."
    )
    [error] = again["errors"]
    assert error["extensions"]["code"] == "TOO_EXPENSIVE"


async def test_the_apis_own_filter_narrows_what_is_read(gateway: Gateway, sandbox: Sandbox) -> None:
    closed = [row for row in sandbox.rows_of(EDSGER) if row["status"] == "closed"]
    narrow = {"filter": {"status": "CLOSED", "hasEmail": True}}

    data = await gateway.query(SEARCH, key=EDSGER.api_key, orderBy=LAST_NAME, **narrow)
    read = len(sandbox.calls)
    await gateway.query(SEARCH, key=EDSGER.api_key, search="a", filter={"statusIn": ["CLOSED"]})

    assert data["clients"]["totalCount"] == len(closed)
    assert read == 1 + -(-len(closed) // 100)
    assert len(sandbox.calls) == read


async def test_a_field_that_rows_lack_is_named_before_it_is_spent_for(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")
    tags = "{ clients { facets { tags { value } } } }"
    created = [{"field": "CREATED_AT"}]

    cold = await gateway.errors(SEARCH, key=EDSGER.api_key, orderBy=created)
    for query in (SEARCH, tags):
        found = await gateway.errors(query, key=EDSGER.api_key, orderBy=created)
        assert found == cold == [("clients", "FIELD_NOT_LISTED")]
    for given in ({"filter": {"tagsAny": ["hot"]}}, {"search": "a", "searchIn": ["NOTES"]}):
        assert await gateway.errors(SEARCH, key=EDSGER.api_key, **given) == cold

    assert sandbox.calls == PAGES[:1]


async def test_a_search_looks_into_what_rows_have(gateway: Gateway, sandbox: Sandbox) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")

    data = await gateway.query(SEARCH, search="ana", orderBy=LAST_NAME)

    assert data["clients"]["totalCount"] > 0
    assert sandbox.calls == PAGES[:1]


async def test_without_a_cache_each_search_reads_everything(sandbox: Sandbox) -> None:
    async with before(sandbox, cache=False) as gateway:
        first = await gateway.query(SEARCH, key=GRACE.api_key, search="an", orderBy=LAST_NAME)
        again = await gateway.query(SEARCH, key=GRACE.api_key, search="an", orderBy=LAST_NAME)

    assert first == again
    assert len(sandbox.calls) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        'search: "a", first: 101',
        'search: "a", offset: -1',
        'orderBy: [{ field: EMAIL }], after: "junk"',
        "orderBy: [{ field: EMAIL }], first: 1, last: 1",
        "orderBy: [{ field: EMAIL }, { field: EMAIL }]",
        "orderBy: [{ field: RELEVANCE }]",
        'search: "- -", orderBy: [{ field: RELEVANCE }]',
        f'search: "{"a" * 201}"',
        f'search: "{"a " * 21}"',
        "filter: { budget: { min: 2, max: 1 } }",
        "filter: { budget: { min: 1e999 } }",
        'filter: { createdAt: { from: "2026-07-01T00:00:01.2Z", until: "2026-07-01T00:00:01Z" } }',
        "filter: { statusIn: [UNKNOWN] }",
    ],
)
async def test_a_wrong_argument_is_refused_before_any_call(
    gateway: Gateway, sandbox: Sandbox, arguments: str
) -> None:
    answer = await gateway.post(f"{{ clients({arguments}) {{ totalCount }} }}")

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert sandbox.calls == []


@pytest.mark.parametrize("first", ["-1", "101", "2147483648", "$first"])
async def test_a_wrong_number_of_tags_is_refused_before_any_call(
    gateway: Gateway, sandbox: Sandbox, first: str
) -> None:
    head = "query ($first: Int = 101) " if first == "$first" else ""
    query = f"{head}{{ clients {{ facets {{ tags(first: {first}) {{ count }} }} }} }}"

    answer = await gateway.post(query)

    assert len(answer["errors"]) == 1
    assert sandbox.calls == []


async def test_a_filter_of_too_many_filters_is_refused(gateway: Gateway, sandbox: Sandbox) -> None:
    many = {"or": [{"hasEmail": True}] * 50}

    assert await gateway.errors(SEARCH, filter=many) == [("clients", "BAD_USER_INPUT")]
    assert await gateway.errors(SEARCH, filter={"ids": ["x"] * 1_001}) == [
        ("clients", "BAD_USER_INPUT")
    ]
    assert sandbox.calls == []


async def test_two_callers_with_large_collections_are_both_remembered() -> None:
    user = Office("Another", 2_500, seed=1)
    sandbox = Sandbox([EDSGER, user])
    async with before(sandbox) as gateway:
        for key in (EDSGER.api_key, user.api_key, EDSGER.api_key, user.api_key):
            await gateway.query(SEARCH, key=key, search="an", orderBy=LAST_NAME)

    assert len(sandbox.calls) == 50


async def test_searches_in_one_operation_share_the_collection(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    query = """{
      rows: clients(search: "ana", orderBy: [{ field: EMAIL }], first: 5) { totalCount }
      status: clients(search: "ana", first: 0) { facets { status { count } } }
      type: clients(filter: { statusIn: [ACTIVE] }) { facets { clientType { count } } }
    }"""

    for _ in range(2):
        await gateway.query(query, key=EDSGER.api_key)
    assert sorted(sandbox.calls) == sorted(PAGES)

    await asyncio.sleep(2_000)
    await gateway.query(query, key=EDSGER.api_key)
    assert sorted(sandbox.calls) == sorted(2 * PAGES)


async def test_a_collection_that_could_not_be_held_is_not_read(sandbox: Sandbox) -> None:
    async with before(sandbox, cache_max_bytes=4_000_000) as gateway:
        answer = await gateway.post(SEARCH, key=EDSGER.api_key, search="ana")
        ours = await gateway.query(SEARCH, key=ADA.api_key, search="ana")

    [error] = answer["errors"]
    assert error["extensions"]["code"] == "TOO_EXPENSIVE"
    assert error["message"] == (
        "To search, sort or count 2500 clients takes more memory than a caller has: narrow it by"
        " `filter.clientType` or `filter.status`, or raise GATEWAY_CACHE_MAX_BYTES."
    )
    assert ours["clients"]["totalCount"] > 0
    assert len(sandbox.calls) == 2
