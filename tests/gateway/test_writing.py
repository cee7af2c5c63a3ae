from dataclasses import replace
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway

MISSING_ID = "00000000-0000-4000-8000-000000000000"

CREATE = """
mutation ($input: CreateClientInput!) {
  createClient(input: $input) {
    __typename
    ... on CreateClientSuccess {
      client { id firstName lastName email phone clientType status version }
      clientEdge { cursor node { id } }
    }
    ... on ClientMutationError { code retryable retryAfter }
    ... on ClientValidationError { issues { field code } }
  }
}
"""
UPDATE = """
mutation ($input: UpdateClientInput!) {
  updateClient(input: $input) {
    __typename
    ... on UpdateClientSuccess { client { id email phone status version } }
    ... on ClientMutationError { code retryable retryAfter }
    ... on ClientValidationError { issues { field code } }
    ... on ClientVersionConflict { current { id email version } expectedVersion currentVersion }
  }
}
"""
DELETE = """
mutation ($id: ID!) {
  deleteClient(input: {id: $id}) {
    __typename
    ... on DeleteClientSuccess { deletedClientId }
    ... on ClientMutationError { code retryable }
  }
}
"""


def row(sandbox: Sandbox, id: str) -> Any:
    return next(row for row in sandbox.rows_of(DEMO) if row["id"] == id)


async def test_a_created_client_exists_and_is_seen_at_once(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    before = (await gateway.query("{ clients { totalCount } }"))["clients"]["totalCount"]

    made = (
        await gateway.query(
            CREATE,
            input={
                "firstName": "Jordan",
                "lastName": "Lee",
                "clientType": "BUYER",
                "email": "jordan@example.com",
            },
        )
    )["createClient"]

    client = made["client"]
    assert client == {
        "id": client["id"],
        "firstName": "Jordan",
        "lastName": "Lee",
        "email": "jordan@example.com",
        "phone": None,
        "clientType": "BUYER",
        "status": "ACTIVE",
        "version": 1,
    }
    assert made["clientEdge"]["node"] == {"id": client["id"]}
    assert row(sandbox, client["id"])["email"] == "jordan@example.com"
    after = (await gateway.query("{ clients { totalCount } }"))["clients"]["totalCount"]
    assert after == before + 1


async def test_a_bad_new_client_gets_every_issue_and_costs_nothing(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    data = await gateway.query(
        CREATE,
        input={"firstName": " ", "lastName": "Lee", "clientType": "UNKNOWN", "email": "nobody"},
    )

    assert data["createClient"] == {
        "__typename": "ClientValidationError",
        "code": "BAD_USER_INPUT",
        "retryable": False,
        "retryAfter": None,
        "issues": [
            {"field": "firstName", "code": "BLANK"},
            {"field": "clientType", "code": "UNKNOWN_VALUE"},
            {"field": "email", "code": "NOT_AN_EMAIL"},
        ],
    }
    assert sandbox.calls == []


async def test_an_update_changes_what_was_sent_and_is_seen_at_once(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    before = sandbox.rows_of(DEMO)[0]
    name = "query ($id: ID!) { client(id: $id) { email phone status version } }"
    await gateway.query(name, id=before["id"])

    data = await gateway.query(
        UPDATE,
        input={
            "id": before["id"],
            "expectedVersion": before["version"],
            "email": "new@example.com",
            "status": "CLOSED",
        },
    )

    changed = {
        "email": "new@example.com",
        "phone": before["phone"],
        "status": "CLOSED",
        "version": before["version"] + 1,
    }
    assert data["updateClient"] == {
        "__typename": "UpdateClientSuccess",
        "client": {"id": before["id"], **changed},
    }
    assert await gateway.query(name, id=before["id"]) == {"client": changed}
    assert row(sandbox, before["id"])["status"] == "closed"


@pytest.mark.parametrize("status", [409, 412, 400])
async def test_a_stale_version_is_a_conflict_that_shows_the_client_as_it_is(
    gateway: Gateway, sandbox: Sandbox, status: int
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, conflict_status=status)
    before = sandbox.rows_of(DEMO)[0]
    update = {"id": before["id"], "expectedVersion": before["version"]}
    await gateway.query(UPDATE, input={**update, "email": "first@example.com"})

    data = await gateway.query(UPDATE, input={**update, "email": "second@example.com"})

    assert data["updateClient"] == {
        "__typename": "ClientVersionConflict",
        "code": "VERSION_CONFLICT",
        "retryable": False,
        "retryAfter": None,
        "current": {
            "id": before["id"],
            "email": "first@example.com",
            "version": before["version"] + 1,
        },
        "expectedVersion": before["version"],
        "currentVersion": before["version"] + 1,
    }
    assert row(sandbox, before["id"])["email"] == "first@example.com"


async def test_an_update_of_nothing_is_refused_without_a_call(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    data = await gateway.query(UPDATE, input={"id": sandbox.rows_of(DEMO)[0]["id"]})

    assert data["updateClient"]["issues"] == [{"field": None, "code": "EMPTY"}]
    assert sandbox.calls == []


async def test_a_client_that_does_not_exist_cannot_be_changed_or_deleted(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    updated = await gateway.query(UPDATE, input={"id": MISSING_ID, "email": "a@example.com"})
    deleted = await gateway.query(DELETE, id=MISSING_ID)
    junk = await gateway.query(DELETE, id="../users")

    assert updated["updateClient"]["code"] == "NOT_FOUND"
    assert deleted["deleteClient"]["code"] == "NOT_FOUND"
    assert junk["deleteClient"]["code"] == "NOT_FOUND"
    assert sandbox.calls == [f"PUT /clients/{MISSING_ID}", f"DELETE /clients/{MISSING_ID}"]


async def test_a_deleted_client_reads_as_null(gateway: Gateway, sandbox: Sandbox) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]
    name = "query ($id: ID!) { client(id: $id) { id } }"
    assert await gateway.query(name, id=id) == {"client": {"id": id}}

    data = await gateway.query(DELETE, id=id)

    assert data["deleteClient"] == {"__typename": "DeleteClientSuccess", "deletedClientId": id}
    assert await gateway.query(name, id=id) == {"client": None}
    assert id not in [row["id"] for row in sandbox.rows_of(DEMO)]


async def test_a_failed_mutation_does_not_hide_the_others(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]

    data = await gateway.query(
        """mutation ($id: ID!) {
          bad: updateClient(input: {id: $id}) { __typename }
          gone: deleteClient(input: {id: $id}) { __typename }
          twice: deleteClient(input: {id: $id}) { __typename }
        }""",
        id=id,
    )

    assert data == {
        "bad": {"__typename": "ClientValidationError"},
        "gone": {"__typename": "DeleteClientSuccess"},
        "twice": {"__typename": "ClientNotFound"},
    }


async def test_what_was_written_before_the_time_was_up_is_in_the_answer(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    keys = [f"c{number}" for number in range(10)]
    create = (
        'createClient(input: {firstName: "Ada", lastName: "L", clientType: BUYER})'
        " { __typename ... on CreateClientSuccess { client { id } } }"
    )
    sandbox.fail(Fault("POST", times=10, latency=1.5))

    answer = await gateway.post(f"mutation {{ {' '.join(f'{key}: {create}' for key in keys)} }}")

    outcomes = [answer["data"][key] and answer["data"][key]["__typename"] for key in keys]
    assert outcomes[:6] == ["CreateClientSuccess"] * 6
    assert outcomes[6] in {"CreateClientSuccess", "ClientWriteUnconfirmed"}
    assert outcomes[7:] == [None] * 3
    assert [error["path"] for error in answer["errors"]] == [[key] for key in keys[7:]]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"UPSTREAM_TIMEOUT"}
    assert sandbox.calls.count("POST /clients") == 7
