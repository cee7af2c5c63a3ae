import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO, EDSGER, GRACE
from tests.gateway.conftest import Gateway

MISSING_ID = "00000000-0000-4000-8000-000000000000"

NAME = "query ($id: ID!) { client(id: $id) { firstName } }"
PAGE = """
query ($first: Int, $after: String, $last: Int, $before: String, $offset: Int) {
  clients(first: $first, after: $after, last: $last, before: $before, offset: $offset) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id } }
  }
}
"""


def ids(data: Any) -> list[str]:
    return [edge["node"]["id"] for edge in data["clients"]["edges"]]


def truth(sandbox: Sandbox) -> list[str]:
    return [row["id"] for row in sandbox.rows_of(DEMO)]


async def test_a_client_is_read_by_its_id(gateway: Gateway, sandbox: Sandbox) -> None:
    row = sandbox.rows_of(DEMO)[7]

    assert await gateway.query(NAME, id=row["id"]) == {"client": {"firstName": row["first_name"]}}
    assert sandbox.calls == [f"GET /clients/{row['id']}"]


async def test_a_client_read_twice_costs_one_upstream_call(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    row = sandbox.rows_of(DEMO)[0]

    for _ in range(2):
        assert await gateway.query(NAME, id=row["id"]) == {
            "client": {"firstName": row["first_name"]}
        }

    assert sandbox.calls == [f"GET /clients/{row['id']}"]


async def test_one_client_requested_in_four_ways_costs_one_call(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    row = sandbox.rows_of(DEMO)[3]

    data = await gateway.query(
        """query ($id: ID!) {
          a: client(id: $id) { firstName }
          b: client(id: $id) { lastName }
          n: nodes(ids: [$id, $id]) { id }
        }""",
        id=row["id"],
    )

    assert data == {
        "a": {"firstName": row["first_name"]},
        "b": {"lastName": row["last_name"]},
        "n": [{"id": row["id"]}, {"id": row["id"]}],
    }
    assert sandbox.calls == [f"GET /clients/{row['id']}"]


async def test_every_field_of_a_client_is_returned(gateway: Gateway, sandbox: Sandbox) -> None:
    row = sandbox.rows_of(DEMO)[1]

    data = await gateway.query(
        """query ($id: ID!) { client(id: $id) {
          id firstName lastName fullName email phone clientType clientTypeRaw status statusRaw
          source budgetMin budgetMax preferredLocations
          propertyPreferences { bedroomsMin bathroomsMin squareFeetMin propertyTypes }
          preApproved preApprovalAmount notes tags version createdAt updatedAt owner { id }
        } }""",
        id=row["id"],
    )

    preferences = row["property_preferences"]
    assert data["client"] == {
        "id": row["id"],
        "firstName": row["first_name"],
        "lastName": row["last_name"],
        "fullName": f"{row['first_name']} {row['last_name']}",
        "email": row["email"],
        "phone": row["phone"],
        "clientType": row["client_type"].upper(),
        "clientTypeRaw": row["client_type"],
        "status": row["status"].upper(),
        "statusRaw": row["status"],
        "source": row["source"],
        "budgetMin": row["budget_min"],
        "budgetMax": row["budget_max"],
        "preferredLocations": row["preferred_locations"],
        "propertyPreferences": preferences
        and {
            "bedroomsMin": preferences["bedrooms_min"],
            "bathroomsMin": preferences["bathrooms_min"],
            "squareFeetMin": preferences["square_feet_min"],
            "propertyTypes": preferences["property_types"],
        },
        "preApproved": row["pre_approved"],
        "preApprovalAmount": row["pre_approval_amount"],
        "notes": row["notes"],
        "tags": row["tags"],
        "version": row["version"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "owner": {"id": row["user_id"]},
    }


async def test_the_default_page_has_25_rows_and_knows_the_total(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    data = await gateway.query(PAGE)

    assert ids(data) == truth(sandbox)[:25]
    assert data["clients"]["totalCount"] == 42
    assert data["clients"]["pageInfo"]["hasNextPage"] is True
    assert data["clients"]["pageInfo"]["hasPreviousPage"] is False
    assert len(sandbox.calls) == 1


@pytest.mark.parametrize(
    ("arguments", "begin", "end"),
    [
        ({"first": 10, "offset": 13}, 13, 23),
        ({"first": 50}, 0, 42),
        ({"last": 5}, 37, 42),
        ({"last": 100}, 0, 42),
        ({"first": 10, "offset": 40}, 40, 42),
        ({"first": 10, "offset": 900}, 42, 42),
    ],
)
async def test_any_window_costs_one_call(
    gateway: Gateway, sandbox: Sandbox, arguments: dict[str, Any], begin: int, end: int
) -> None:
    data = await gateway.query(PAGE, **arguments)

    assert ids(data) == truth(sandbox)[begin:end]
    assert len(sandbox.calls) == 1


async def test_a_window_from_the_end_of_a_long_list_costs_two_calls(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    data = await gateway.query(PAGE, key=EDSGER.api_key, last=30)

    assert ids(data) == [row["id"] for row in sandbox.rows_of(EDSGER)[-30:]]
    assert data["clients"]["totalCount"] == 2500
    assert len(sandbox.calls) == 2


async def test_the_total_alone_costs_one_small_read(gateway: Gateway, sandbox: Sandbox) -> None:
    assert await gateway.query("{ clients { totalCount } }") == {"clients": {"totalCount": 42}}

    assert sandbox.calls == ["GET /clients?page=1&limit=1"]


async def test_filters_are_the_apis(gateway: Gateway, sandbox: Sandbox) -> None:
    data = await gateway.query(
        """{ clients(first: 100, filter: {clientType: SELLER, status: ACTIVE}) {
          edges { node { id } } } }"""
    )

    wanted = [
        row["id"]
        for row in sandbox.rows_of(DEMO)
        if (row["client_type"], row["status"]) == ("seller", "active")
    ]
    assert wanted
    assert ids(data) == wanted


async def test_a_node_is_a_client_and_a_missing_one_is_null(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    known = sandbox.rows_of(DEMO)[5]["id"]

    data = await gateway.query(
        """query ($known: ID!, $absent: ID!) {
          one: node(id: $known) { __typename id }
          junk: node(id: "not an id") { id }
          many: nodes(ids: [$absent, "junk", $known]) { id ... on Client { firstName } }
          client(id: $absent) { id }
        }""",
        known=known,
        absent=MISSING_ID,
    )

    assert data["one"] == {"__typename": "Client", "id": known}
    assert data["junk"] is None
    assert data["many"][:2] == [None, None]
    assert data["many"][2]["id"] == known
    assert data["client"] is None
    # Two ids, one page; a client that is not on it might still exist, and is requested.
    assert sandbox.calls == ["GET /clients?page=1&limit=100", f"GET /clients/{MISSING_ID}"]


async def test_another_callers_client_does_not_exist(gateway: Gateway, sandbox: Sandbox) -> None:
    theirs = sandbox.rows_of(GRACE)[0]["id"]

    assert await gateway.query(NAME, id=theirs) == {"client": None}
    assert await gateway.query(NAME, key=GRACE.api_key, id=theirs) != {"client": None}
    assert await gateway.query(NAME, id=theirs) == {"client": None}


@pytest.mark.parametrize(
    "query",
    [
        '{ client(id: "7") { id } }',
        "{ clients(first: 101) { totalCount } }",
        "{ clients(first: -1) { totalCount } }",
        "{ clients(first: 1, last: 1) { totalCount } }",
        '{ clients(after: "junk") { totalCount } }',
        "{ clients(offset: -1) { totalCount } }",
        "{ clients(filter: {status: UNKNOWN}) { totalCount } }",
    ],
)
async def test_what_cannot_be_answered_is_refused_without_a_call(
    gateway: Gateway, sandbox: Sandbox, query: str
) -> None:
    assert [code for _, code in await gateway.errors(query)] == ["BAD_USER_INPUT"]
    assert sandbox.calls == []


async def test_a_field_that_list_rows_lack_is_completed_once_for_each_row(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")
    query = "{ clients(first: 5) { edges { node { id notes tags } } } }"

    data = await gateway.query(query)

    rows = sandbox.rows_of(DEMO)[:5]
    assert [edge["node"]["notes"] for edge in data["clients"]["edges"]] == [
        row["notes"] for row in rows
    ]
    assert len(sandbox.calls) == 6
    assert await gateway.query(query) == data
    assert len(sandbox.calls) == 6


async def test_fields_that_list_rows_have_cost_nothing_more(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")

    await gateway.query("{ clients(first: 5) { edges { node { fullName budgetMax } } } }")

    assert len(sandbox.calls) == 1


async def test_a_row_seen_in_a_list_is_known_by_its_id(gateway: Gateway, sandbox: Sandbox) -> None:
    data = await gateway.query(PAGE, first=3)
    before = list(sandbox.calls)

    row = sandbox.rows_of(DEMO)[2]
    assert await gateway.query(NAME, id=ids(data)[2]) == {
        "client": {"firstName": row["first_name"]}
    }
    assert sandbox.calls == before


async def test_the_receipt_counts_what_the_api_saw(gateway: Gateway, sandbox: Sandbox) -> None:
    first = await gateway.post(PAGE, first=3)
    again = await gateway.post(PAGE, first=3)

    receipts = [answer["extensions"]["upstream"] for answer in (first, again)]
    assert [receipt["calls"] for receipt in receipts] == [1, 0]
    assert receipts[1]["saved"] == 1
    assert receipts[1]["ages"]["oldestSeconds"] is not None
    assert sum(receipt["calls"] for receipt in receipts) == len(sandbox.calls)
    assert receipts[0]["budget"]["limit"] == 500
    assert receipts[0]["budget"]["remaining"] == sandbox.remaining


async def test_identical_questions_at_once_cost_one_call(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    answers = await asyncio.gather(*(gateway.query(PAGE, first=10) for _ in range(50)))

    assert all(answer == answers[0] for answer in answers)
    assert len(sandbox.calls) == 1


async def test_entities_are_answered_in_order_and_junk_nulls_only_itself(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    rows = sandbox.rows_of(DEMO)
    representations = [
        {"__typename": "Client", "id": rows[0]["id"]},
        {"__typename": "Nonsense", "id": rows[0]["id"]},
        {"__typename": "Client", "id": MISSING_ID},
        {"__typename": "Client"},
        {"__typename": "User", "id": rows[0]["user_id"]},
        {"__typename": "Client", "id": rows[0]["id"]},
    ]
    query = """query ($representations: [_Any!]!) {
      a: _entities(representations: $representations) { ... on Client { firstName } }
      b: _entities(representations: $representations) { ... on Client { id } }
    }"""

    answer = await gateway.post(query, representations=representations)

    first = {"firstName": rows[0]["first_name"]}
    assert answer["data"]["a"] == [first, None, None, None, None, first]
    assert answer["data"]["b"][0] == {"id": rows[0]["id"]}
    assert sorted(error["path"] for error in answer["errors"]) == [
        [field, place] for field in ("a", "b") for place in (1, 3, 4)
    ]
    assert sandbox.calls == ["GET /clients?page=1&limit=100", f"GET /clients/{MISSING_ID}"]


async def test_the_graph_tells_its_sdl_to_a_router_without_a_credential(gateway: Gateway) -> None:
    answer = await gateway.http.post("/graphql", json={"query": "{ _service { sdl } }"})

    assert "type Client implements Node" in answer.json()["data"]["_service"]["sdl"]


async def test_two_callers_asking_the_same_never_see_each_others_rows(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    people = [DEMO, GRACE]
    theirs = {
        person.api_key: [row["id"] for row in sandbox.rows_of(person)][:25] for person in people
    }

    async def ask(turn: int) -> None:
        key = people[turn % 2].api_key
        assert ids(await gateway.query(PAGE, key=key)) == theirs[key]

    await asyncio.gather(*(ask(turn) for turn in range(200)))

    assert len(sandbox.calls) == 2
