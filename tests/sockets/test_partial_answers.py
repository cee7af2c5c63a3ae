"""What failed nulls itself: what happened beside it is in the answer."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import orjson
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
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
    request = post(orjson.dumps({"query": query, "variables": variables}))
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
