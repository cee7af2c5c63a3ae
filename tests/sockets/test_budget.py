"""What of the API's window and its age a client sees, on both ways an answer can be sent."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, EDSGER, GRACE
from tests.serving import Answer, Serving, post

NOTES = "query ($first: Int) { clients(first: $first) { edges { node { id notes } } } }"
VERSION = "query ($id: ID!) { client(id: $id) { version } }"


@pytest.fixture(autouse=True)
def well(gateway: Serving) -> None:
    gateway.sandbox.faults.clear()
    gateway.sandbox.calls.clear()
    gateway.sandbox.behaviour = replace(gateway.sandbox.behaviour, list_rows="full")


def ask(
    gateway: Serving, query: str, *headers: str, key: str = ADA.api_key, **variables: Any
) -> tuple[Answer, Any]:
    body = json.dumps({"query": query, "variables": variables}).encode()
    with gateway.connection() as wire:
        answer = wire.ask(post(body, *headers, key=key))
    return answer, json.loads(answer.content)


def test_rows_that_cannot_be_completed_within_the_cap_stand_beside_their_errors(
    gateway: Serving,
) -> None:
    gateway.sandbox.behaviour = replace(gateway.sandbox.behaviour, list_rows="trimmed")

    answer, body = ask(gateway, NOTES, key=EDSGER.api_key, first=30)

    assert answer.status == 294
    assert len(gateway.sandbox.calls) == body["extensions"]["upstream"]["calls"] == 1
    assert {edge["node"]["notes"] for edge in body["data"]["clients"]["edges"]} == {None}
    assert {error["extensions"]["code"] for error in body["errors"]} == {"TOO_EXPENSIVE"}


def test_a_version_that_goes_back_is_returned_as_it_was_flagged_for_one_call(
    gateway: Serving,
) -> None:
    id = gateway.sandbox.rows_of(GRACE)[0]["id"]
    gateway.sandbox.fail(Fault("GET", record={"version": 7}))
    ask(gateway, VERSION, key=GRACE.api_key, id=id)
    gateway.sandbox.fail(Fault("GET", times=9, record={"version": 5}))

    _, held = ask(gateway, VERSION, "cache-control: no-cache", key=GRACE.api_key, id=id)
    _, again = ask(gateway, VERSION, "cache-control: max-age=0, max-stale=300", id=id)

    assert held["data"] == {"client": {"version": 7}}
    assert held["extensions"]["upstream"]["stale"] is True
    assert again["data"] == {"client": None}  # another caller's client, which a caller saw before
    assert gateway.sandbox.calls == [f"GET /clients/{id}"] * 3


def test_max_stale_beside_max_age_takes_what_is_remembered(gateway: Serving) -> None:
    id = gateway.sandbox.rows_of(ADA)[3]["id"]
    ask(gateway, VERSION, id=id)

    _, body = ask(gateway, VERSION, "cache-control: max-age=0, max-stale=300", id=id)
    receipt = body["extensions"]["upstream"]

    assert (receipt["calls"], receipt["saved"]) == (0, 1)
    assert gateway.sandbox.calls == [f"GET /clients/{id}"]


def test_the_retry_after_of_a_503_is_in_the_head_and_in_the_error(
    gateway: Serving,
) -> None:
    id = gateway.sandbox.rows_of(ADA)[5]["id"]
    gateway.sandbox.fail(Fault(status=503, headers={"Retry-After": "3"}))

    answer, body = ask(gateway, VERSION, id=id)

    assert answer.headers["retry-after"] == "3"
    [error] = body["errors"]
    extensions = {key: value for key, value in error["extensions"].items() if key != "requestId"}
    assert extensions == {"code": "UPSTREAM_UNAVAILABLE", "retryAfter": 3}
    assert gateway.sandbox.calls == [f"GET /clients/{id}"]
