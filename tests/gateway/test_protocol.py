import json
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway

GRAPHQL = "application/graphql-response+json"


async def post(gateway: Gateway, content: bytes | str, **headers: str) -> tuple[int, Any]:
    answer = await gateway.http.post(
        "/graphql",
        content=content,
        headers={
            "content-type": "application/json",
            "x-request-id": "a-request",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"1", 400),
        (b"null", 400),
        (b"[1]", 400),
        (b'[{"query":"{__typename}"}]', 400),
        (b"{}", 400),
        (b'{"query":1}', 400),
        (b'{"query":""}', 400),
        (b'{"query":"{__typename}","variables":[1]}', 400),
        (b'{"query":"{__typename}","operationName":1}', 400),
        (b'{"query":"{__typename}","extensions":[]}', 400),
        (b'{"query":"{__typename}","variables":{"a":NaN}}', 400),
        (b"\xff\xfe", 400),
        (b'{"query":"' + b"x" * 200_000 + b'"}', 413),
    ],
)
async def test_a_body_that_is_no_request_is_refused_with_a_graphql_error(
    gateway: Gateway, body: bytes, status: int
) -> None:
    code, answer = await post(gateway, body)

    assert code == status
    assert [set(error) for error in answer["errors"]] == [{"message", "extensions"}]
    assert "data" not in answer


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken(gateway: Gateway, content_type: str) -> None:
    code, _ = await post(gateway, b'{"query":"{__typename}"}', content_type=content_type)

    assert code == 415


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("{", 400),
        ("{}", 400),
        ("", 400),
        ("{ nonsense }", 422),
        ("fragment A on Query { __typename }", 422),
        ("query A { __typename } query B { __typename }", 422),
        ("query ($id: ID!) { client(id: $id) { id } }", 422),
        ("query ($first: Int) { clients(first: $first) { nonsense } }", 422),
        ("subscription { __typename }", 422),
    ],
)
async def test_a_request_that_cannot_be_executed_has_no_data_whatever_its_media_type(
    gateway: Gateway, query: str, status: int
) -> None:
    """GraphQL over HTTP, September2026, Status Codes; a legacy client gets the same (Accept)."""
    body = json.dumps({"query": query})

    modern, answer = await post(gateway, body, accept=GRAPHQL)
    legacy, same = await post(gateway, body, accept="application/json")
    unsaid, alike = await post(gateway, body, accept="*/*")

    assert (modern, legacy, unsaid) == (status, status, status)
    assert answer == same == alike
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] in {"BAD_USER_INPUT", "BAD_REQUEST"}


async def test_variables_that_do_not_fit_are_unprocessable(gateway: Gateway) -> None:
    query = "query ($first: Int!) { clients(first: $first) { totalCount } }"
    results = [
        (await post(gateway, json.dumps({"query": query, "variables": variables}), accept=accept))
        for variables in ({}, {"first": None}, {"first": "ten"}, {"first": 2**31})
        for accept in (GRAPHQL, "application/json")
    ]

    assert [status for status, _ in results] == [422] * 8
    assert all("data" not in answer for _, answer in results)


async def test_data_beside_errors_is_a_partial_success(gateway: Gateway, sandbox: Sandbox) -> None:
    sandbox.fail(Fault(status=503, times=9))
    body = json.dumps({"query": "{ __typename clients { totalCount } }"})

    statuses = [
        (await post(gateway, body, accept=accept, x_api_key=DEMO.api_key))[0]
        for accept in (GRAPHQL, "application/json", "*/*")
    ]
    sandbox.faults.clear()

    assert statuses == [294] * 3


async def test_the_operation_is_chosen_by_name(gateway: Gateway) -> None:
    two = "query A { a: __typename } query B { b: __typename }"

    _, answer = await post(gateway, json.dumps({"query": two, "operationName": "B"}))
    _, wrong = await post(gateway, json.dumps({"query": two, "operationName": "C"}))

    assert answer["data"] == {"b": "Query"}
    assert "no operation named 'C'" in wrong["errors"][0]["message"]


async def test_other_methods_get_405_with_allow(gateway: Gateway) -> None:
    answer = await gateway.http.put("/graphql", json={"query": "{__typename}"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_client_that_takes_neither_type_gets_406(gateway: Gateway) -> None:
    code, _ = await post(gateway, b'{"query":"{__typename}"}', accept="image/png")

    assert code == 406


async def test_a_malformed_credential_is_refused_at_the_door(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    code, answer = await post(gateway, b'{"query":"{__typename}"}', x_api_key="short")

    assert code == 401
    assert answer["errors"][0]["extensions"] == {
        "code": "UNAUTHENTICATED",
        "requestId": "a-request",
    }
    assert sandbox.calls == []


async def test_without_a_credential_only_what_needs_one_fails(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    body = {"query": "{ __typename clients { totalCount } }"}

    answer = (await gateway.http.post("/graphql", json=body)).json()

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert sandbox.calls == []


async def test_an_unknown_key_is_unauthenticated_and_a_key_without_scope_forbidden(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    assert await gateway.errors("{ clients { totalCount } }", key="0" * 64) == [
        ("clients", "UNAUTHENTICATED")
    ]
    assert len(sandbox.calls) == 1


async def test_health_costs_no_call(gateway: Gateway, sandbox: Sandbox) -> None:
    alive = await gateway.http.get("/livez")
    ready = await gateway.http.get("/readyz")

    assert alive.json() == {"status": "alive"}
    assert ready.json()["budget"]["limit"] == 500
    assert sandbox.calls == []


async def test_null_and_absent_are_different_in_an_update(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]
    refused = await gateway.query(
        "mutation ($input: UpdateClientInput!) { updateClient(input: $input) {"
        " __typename ... on ClientValidationError { issues { field code } } } }",
        input={"id": id, "status": None},
    )

    assert refused["updateClient"] == {
        "__typename": "ClientValidationError",
        "issues": [{"field": "status", "code": "NULL"}],
    }
    assert sandbox.calls == []
