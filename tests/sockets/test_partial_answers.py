"""What failed nulls itself: what happened beside it is in the answer."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import orjson
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.serving import Answer, Serving, Way, post, serving

TWO = """mutation {
  a: createClient(input: {firstName: "Ada", lastName: "One", clientType: BUYER}) { ...Shown }
  b: createClient(input: {firstName: "Ben", lastName: "Two", clientType: BUYER}) { ...Shown }
  c: createClient(input: {firstName: "Cyd", lastName: "Six", clientType: BUYER}) { ...Shown }
}
fragment Shown on CreateClientResult {
  __typename ... on CreateClientSuccess { client { id } }
}"""


@pytest.fixture(
    scope="module",
    params=list(product(Way, (True, False))),
    ids=lambda each: f"{each[0].value}, {'compiled' if each[1] else 'graphql-core'}",
)
def gateway(request: pytest.FixtureRequest) -> Iterator[Serving]:
    way, compiled = request.param
    with serving(Sandbox(), way, compiled=compiled) as gateway:
        yield gateway


def answer(gateway: Serving, query: str, **variables: Any) -> tuple[Answer, Any]:
    request = post(
        orjson.dumps({"query": query, "variables": variables}), "cache-control: no-cache"
    )
    with gateway.connection() as wire:
        found = wire.ask(request)
    return found, orjson.loads(found.content)


def coded(body: Any) -> list[tuple[list[str | int], str]]:
    return [(error["path"], error["extensions"]["code"]) for error in body["errors"]]


def refusing(status: int) -> Fault:
    """The API refuses the second of two calls, in its own words."""
    envelope = {"success": False, "error": {"code": "FORBIDDEN", "message": "No."}}
    body = orjson.dumps(envelope).decode()
    return Fault("POST", times=2, share=0.5, status=status, body=body)


def outcomes(body: Any) -> dict[str, str | None]:
    return {key: value and value["__typename"] for key, value in body["data"].items()}


def test_a_create_that_fails_hides_none_before_or_after_it(gateway: Serving) -> None:
    gateway.sandbox.calls.clear()
    gateway.sandbox.fail(refusing(403))

    _, body = answer(gateway, TWO)

    assert coded(body) == [(["b"], "FORBIDDEN")]
    assert outcomes(body) == {"a": "CreateClientSuccess", "b": None, "c": "CreateClientSuccess"}
    assert gateway.sandbox.calls == ["POST /clients"] * 3


def test_what_was_created_before_the_key_was_refused_is_in_the_answer(way: Way) -> None:
    with serving(Sandbox(), way) as gateway:
        gateway.sandbox.fail(refusing(401))

        _, body = answer(gateway, TWO)

    assert coded(body) == [(["b"], "UNAUTHENTICATED"), (["c"], "UNAUTHENTICATED")]
    assert outcomes(body) == {"a": "CreateClientSuccess", "b": None, "c": None}
    assert gateway.sandbox.calls == ["POST /clients"] * 2


def test_a_list_that_is_refused_takes_no_other_field_with_it(gateway: Serving) -> None:
    query = "{ ok: clients(first: 1) { totalCount } no: clients(first: 101) { totalCount } }"

    _, body = answer(gateway, query)

    assert coded(body) == [(["no"], "BAD_USER_INPUT")]
    assert body["data"]["ok"]["totalCount"] > 0
    assert body["data"]["no"] is None


def test_too_many_nodes_take_no_other_field_with_them(gateway: Serving) -> None:
    query = "query ($ids: [ID!]!) { clients(first: 1) { totalCount } nodes(ids: $ids) { id } }"

    _, body = answer(gateway, query, ids=["0"] * 101)

    assert coded(body) == [(["nodes"], "BAD_USER_INPUT")]
    assert body["data"]["clients"]["totalCount"] > 0
    assert body["data"]["nodes"] is None


ONE = """query ($id: ID!) {
  client(id: $id) {
    firstName version versionRaw createdAt updatedAt budgetMin budgetMax preApprovalAmount
    propertyPreferences { bedroomsMin bathroomsMin squareFeetMin propertyTypes }
  }
}"""
ODD: dict[str, Any] = {
    "first_name": "Ada",
    "version": 2_147_483_648,
    "created_at": "2026-W29-3",
    "updated_at": "2026-07-15t16:32:10.25+02:00",
    "budget_min": "1_000",
    "budget_max": "250000.50",
    "pre_approval_amount": "NaN",
    "property_preferences": {
        "bedrooms_min": 3,
        "bathrooms_min": "many",
        "square_feet_min": True,
        "property_types": ["condo", 5],
    },
}


def some_client(gateway: Serving) -> str:
    _, body = answer(gateway, "{ clients(first: 1) { edges { node { id } } } }")
    id: str = body["data"]["clients"]["edges"][0]["node"]["id"]
    return id


def test_what_no_type_can_show_is_the_fault_of_the_api_and_of_one_field(gateway: Serving) -> None:
    id = some_client(gateway)
    gateway.sandbox.fail(Fault("GET", "/clients", record=ODD))

    _, body = answer(gateway, ONE, id=id)

    assert body["data"] == {
        "client": {
            "firstName": "Ada",
            "version": None,
            "versionRaw": "2147483648",
            "createdAt": None,
            "updatedAt": "2026-07-15T14:32:10.25Z",
            "budgetMin": None,
            "budgetMax": 250_000.5,
            "preApprovalAmount": None,
            "propertyPreferences": {
                "bedroomsMin": 3,
                "bathroomsMin": None,
                "squareFeetMin": None,
                "propertyTypes": None,
            },
        }
    }
    below = ["client", "propertyPreferences"]
    assert sorted(coded(body)) == sorted(
        (path, "UPSTREAM_BAD_RESPONSE")
        for path in (
            *(["client", key] for key in ("version", "createdAt", "budgetMin")),
            ["client", "preApprovalAmount"],
            *([*below, key] for key in ("bathroomsMin", "squareFeetMin", "propertyTypes")),
        )
    )


CHANGE = """mutation ($id: ID!, $input: UpdateClientInput!) {
  first: updateClient(input: {id: $id, phone: "5550100"}) { ...Shown }
  second: updateClient(input: $input) { ...Shown }
}
fragment Shown on UpdateClientResult {
  __typename
  ... on ClientMutationError { message }
  ... on ClientValidationError { issues { field code message } }
}"""


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", None), ("expectedVersion", None), ("expectedVersionRaw", None)],
)
def test_a_null_that_means_nothing_is_an_issue_and_hides_no_earlier_change(
    gateway: Serving, field: str, value: None
) -> None:
    id = some_client(gateway)
    gateway.sandbox.calls.clear()

    _, body = answer(gateway, CHANGE, id=id, input={"id": id, "email": "a@b.cd", field: value})

    assert "errors" not in body
    assert body["data"]["first"] == {"__typename": "UpdateClientSuccess"}
    second = body["data"]["second"]
    assert second["__typename"] == "ClientValidationError"
    assert [(issue["field"], issue["code"]) for issue in second["issues"]] == [(field, "NULL")]
    assert gateway.sandbox.calls == [f"PUT /clients/{id}"]


def test_a_version_beyond_int_can_be_built_on(gateway: Serving) -> None:
    id = some_client(gateway)
    row = gateway.sandbox._clients(DEMO).seen(math.inf)[id]  # noqa: SLF001 - as an API may count
    row["version"] = 2_147_483_648
    change = """mutation ($input: UpdateClientInput!) {
      updateClient(input: $input) {
        ... on UpdateClientSuccess { client { versionRaw } }
        ... on ClientVersionConflict { currentVersion currentVersionRaw }
      }
    }"""
    given = {"id": id, "email": "a@b.cd"}

    stale = answer(gateway, change, input=given | {"expectedVersion": 2_147_483_647})[1]
    built = answer(gateway, change, input=given | {"expectedVersionRaw": "2147483648"})[1]

    assert stale["data"]["updateClient"] == {
        "currentVersion": None,
        "currentVersionRaw": "2147483648",
    }
    assert built["data"]["updateClient"] == {"client": {"versionRaw": "2147483649"}}


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "graphql-core"])
def test_each_null_of_fifty_has_its_error(way: Way, *, compiled: bool) -> None:
    with serving(Sandbox(), way, compiled=compiled) as gateway:
        gateway.sandbox.fail(Fault("GET", "/clients", record={"email": 5}))

        _, body = answer(gateway, "{ clients(first: 50) { edges { node { email } } } }")

    rows = [edge["node"] for edge in body["data"]["clients"]["edges"]]
    assert rows == [{"email": None}] * len(rows)
    assert len(rows) > 10
    assert coded(body) == [
        (["clients", "edges", index, "node", "email"], "UPSTREAM_BAD_RESPONSE")
        for index in range(len(rows))
    ]
