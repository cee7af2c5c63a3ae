"""What becomes of writes and credentials, at the socket, by both ways of sending answers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.serving import Answer, Serving, Way, Wire, post, serving

LIST = "{ clients(first: 2) { totalCount edges { node { id } } } }"
CREATE = """
mutation ($key: String, $email: String) {
  it: createClient(input: {
    firstName: "Ottoline", lastName: "Lee", clientType: BUYER, email: $email, idempotencyKey: $key
  }) {
    __typename
    ... on CreateClientSuccess { confirmedBy replayed client { id email } }
    ... on ClientMutationError { code retryable }
    ... on ClientWriteUnconfirmed { candidates { id } }
  }
}
"""
UPDATE = """
mutation ($id: ID!, $version: Int, $phone: String) {
  it: updateClient(input: {
    id: $id, expectedVersion: $version, phone: $phone, onConflict: MERGE
  }) {
    __typename
    ... on UpdateClientSuccess { confirmedBy client { phone } }
    ... on ClientValidationError { issues { field message } }
    ... on ClientVersionConflict { maybeWritten }
  }
}
"""
DELETE = """
mutation ($id: ID!) {
  it: deleteClient(input: {id: $id}) {
    __typename
    ... on DeleteClientSuccess { confirmedBy }
    ... on ClientWriteUnconfirmed { candidates { id } }
  }
}
"""
REFUSED = '{"success": false, "error": {"code": "%s", "message": "%s"}}'


@pytest.fixture
def fresh(way: Way) -> Iterator[Serving]:
    """A gateway of the test's own."""
    with serving(Sandbox(), way) as gateway:
        yield gateway


def ask(
    wire: Wire, text: str, *headers: str, key: str | None = DEMO.api_key, **given: Any
) -> Answer:
    body = json.dumps({"query": text, "variables": given}).encode()
    return wire.ask(post(body, *headers, key=key))


def it(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return json.loads(answer.content)["data"]["it"]


def methods(gateway: Serving) -> list[str]:
    return [call.split()[0] for call in gateway.sandbox.calls]


def row(gateway: Serving) -> dict[str, Any]:
    return gateway.sandbox.rows_of(DEMO)[0]


def ottolines(gateway: Serving) -> list[str]:
    rows = gateway.sandbox.rows_of(DEMO)
    return [each["id"] for each in rows if each["first_name"] == "Ottoline"]


@pytest.mark.parametrize("fault", ["write-408", "write-502", "write-404", "write-202", "write-204"])
def test_a_write_that_something_else_answered_after_the_deed_is_found_and_keeps_its_key(
    fresh: Serving, fault: str
) -> None:
    fresh.sandbox.fail(named(fault, times=1))
    with fresh.connection() as wire:
        first = it(create(wire, "click"))
        again = it(create(wire, "click"))

    assert (first["confirmedBy"], first["replayed"]) == ("READBACK", False)
    assert (again["client"], again["replayed"]) == (first["client"], True)
    assert ottolines(fresh) == [first["client"]["id"]]
    assert methods(fresh) == ["POST", "GET", "GET"]


def create(wire: Wire, key: str | None, email: str | None = None) -> Answer:
    body = {"query": CREATE, "variables": {"key": key, "email": email}}
    return wire.ask(post(json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "404 page not found"),
        (410, "<html>gone</html>"),
        (401, "<html>Log in</html>"),
        (200, "<html>Log in</html>"),
        (204, ""),
    ],
)
def test_a_deletion_that_only_proxies_answered_is_not_done_and_bars_no_key(
    fresh: Serving, status: int, body: str
) -> None:
    id = row(fresh)["id"]
    fresh.sandbox.fail(
        Fault(method="DELETE", status=502, body="", instead=True),
        Fault(method="DELETE", status=status, body=body, instead=True),
    )
    with fresh.connection() as wire:
        end = it(ask(wire, DELETE, id=id))
        listed = ask(wire, LIST)

    assert end == {"__typename": "ClientWriteUnconfirmed", "candidates": [{"id": id}]}
    assert listed.status == 200
    assert methods(fresh) == ["DELETE", "DELETE", "GET", "GET"]


def test_a_deletion_answered_410_by_the_api_is_done(fresh: Serving) -> None:
    gone = REFUSED % ("GONE", "It is gone.")
    fresh.sandbox.fail(Fault(method="DELETE", status=410, body=gone, instead=True))
    with fresh.connection() as wire:
        end = it(ask(wire, DELETE, id=row(fresh)["id"]))

    assert end == {"__typename": "DeleteClientSuccess", "confirmedBy": "ANSWER"}
    assert methods(fresh) == ["DELETE"]


def test_a_409_over_another_field_is_reported_in_the_apis_words_and_sent_once(
    fresh: Serving,
) -> None:
    before = row(fresh)
    words = REFUSED % ("DUPLICATE_PHONE", "Another client has this number.")
    fresh.sandbox.fail(Fault(method="PUT", status=409, body=words, instead=True, times=9))
    with fresh.connection() as wire:
        end = it(ask(wire, UPDATE, id=before["id"], version=before["version"], phone="1"))

    assert end == {
        "__typename": "ClientValidationError",
        "issues": [{"field": "phone", "message": "Another client has this number."}],
    }
    assert methods(fresh) == ["PUT", "GET"]


def test_a_lost_change_whose_number_the_api_tidied_is_found(fresh: Serving) -> None:
    before = row(fresh)
    tidied = {"phone": "+16615550123"}
    fresh.sandbox.fail(Fault(method="PUT", lost=True), Fault(method="GET", record=tidied, times=9))
    with fresh.connection() as wire:
        end = it(
            ask(wire, UPDATE, id=before["id"], version=before["version"], phone="(661) 555-0123")
        )

    assert (end["__typename"], end["confirmedBy"]) == ("UpdateClientSuccess", "READBACK")
    assert methods(fresh) == ["PUT", "PUT", "GET"]


def test_a_key_that_was_revoked_gets_its_401_before_any_memory_or_record(fresh: Serving) -> None:
    with fresh.connection() as wire:
        create(wire, "click")
        ask(wire, LIST)
        ask(wire, LIST)
        revoked = REFUSED % ("UnauthorizedError", "Revoked.")
        fresh.sandbox.fail(Fault(status=401, body=revoked, instead=True, times=99))
        fresh.sandbox.calls.clear()
        ask(wire, LIST, "cache-control: no-cache")
        refused = [ask(wire, LIST), create(wire, "click"), ask(wire, "{ __typename }")]

    assert [answer.status for answer in refused] == [401] * 3
    assert b'"id"' not in b"".join(answer.content for answer in refused)
    assert methods(fresh) == ["GET"]


@pytest.mark.parametrize(
    "header",
    [
        "authorization: Bearer  {}",
        "authorization: bearer {} ",
        "authorization:\tBEARER   {}\t",
    ],
)
def test_blanks_that_http_allows_are_no_part_of_a_token(gateway: Serving, header: str) -> None:
    token = DEMO.token_until(4_000_000_000)
    with gateway.connection() as wire:
        answer = ask(wire, LIST, header.format(token), key=None)

    assert answer.status == 200
    assert json.loads(answer.content)["data"]["clients"]["totalCount"] == 42
