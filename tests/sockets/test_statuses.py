"""GraphQL over HTTP, September2026: the status of every answer, at the socket and by both ways."""

import orjson
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from tests.serving import Serving, Way, post, serving

MEDIA_TYPES = ("application/graphql-response+json", "application/json", "*/*")
FIRST = "query ($first: Int!) { clients(first: $first) { totalCount } }"


def body(query: str, **more: object) -> bytes:
    return orjson.dumps({"query": query, **more})


@pytest.mark.parametrize("accept", [None, *MEDIA_TYPES])
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (body("{ __typename }"), 200),
        (body("{ clients { totalCount } }"), 200),
        (b"NONSENSE", 400),
        (b'{"query":', 400),
        (b"[]", 400),
        (body("{"), 400),
        (body("query A { "), 400),
        (body("{ clients(first: 1.) { totalCount } }"), 400),
        (body("{ nonsense }"), 422),
        (body("fragment A on Query { __typename }"), 422),
        (body("query A { __typename } query B { __typename }"), 422),
        (body("query A { __typename }", operationName="B"), 422),
        (body("subscription { __typename }"), 422),
        (body(FIRST), 422),
        (body(FIRST, variables={"first": None}), 422),
        (body(FIRST, variables={"first": "many"}), 422),
        (body("{" + " ".join(f"a{n}: __typename" for n in range(40)) + "}"), 422),
        (body("{ __typename }" + " " * 20_000), 422),
    ],
)
def test_a_request_error_has_its_status_in_every_media_type(
    gateway: Serving, content: bytes, status: int, accept: str | None
) -> None:
    lines = [] if accept is None else [f"accept: {accept}"]
    with gateway.connection() as wire:
        answers = [wire.ask(post(content, *lines)) for _ in range(3)]

    media_type = "application/json" if accept in {None, "*/*"} else accept
    for answer in answers:
        assert (answer.status, "data" in orjson.loads(answer.content)) == (status, status == 200)
        assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("accept", MEDIA_TYPES)
def test_data_beside_errors_is_a_partial_success(way: Way, accept: str) -> None:
    sandbox = Sandbox()
    sandbox.fail(Fault(status=503, times=9))
    with serving(sandbox, way) as gateway, gateway.connection() as wire:
        query = body("{ __typename clients { totalCount } }")
        answer = wire.ask(post(query, f"accept: {accept}"))
        unproven = wire.ask(post(query, f"accept: {accept}", key=None))

    for each in (answer, unproven):
        assert (each.status, set(orjson.loads(each.content)) >= {"data", "errors"}) == (294, True)


def test_a_document_that_is_not_trusted_is_forbidden(way: Way) -> None:
    with (
        serving(Sandbox(), way, allowed_documents="persisted") as gateway,
        gateway.connection() as wire,
    ):
        refused = wire.ask(post(body("{ __typename }")))
        sha256 = "0" * 64
        extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256}}
        unknown = wire.ask(post(orjson.dumps({"extensions": extensions})))

    assert (refused.status, unknown.status) == (403, 422)


def test_a_refused_credential_gets_www_authenticate(gateway: Serving) -> None:
    with gateway.connection() as wire:
        answers = [
            wire.ask(post(body("{ __typename }"), key="short")),
            wire.ask(post(body("{ __typename }"), "authorization: Basic YTpi", key=None)),
            wire.ask(post(body("{ __typename }"), "authorization: Bearer a.b.c")),
        ]

    for answer in answers:
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="clients-gateway"'


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "graphql-core"])
def test_every_null_of_a_field_that_failed_has_its_error(
    way: Way,
    compiled: bool,  # noqa: FBT001 - both execute it
) -> None:
    """GraphQL, 6.4.4: more errors than a refused request lists."""
    sandbox = Sandbox()
    sandbox.fail(Fault(record={"budget_min": "a lot"}, times=9))
    query = body("{ clients(first: 42) { edges { node { id budgetMin } } } }")
    with serving(sandbox, way, compiled=compiled) as gateway, gateway.connection() as wire:
        answer = orjson.loads(wire.ask(post(query)).content)

    nodes = [edge["node"] for edge in answer["data"]["clients"]["edges"]]
    nulls = [
        ["clients", "edges", place, "node", "budgetMin"]
        for place, node in enumerate(nodes)
        if node["budgetMin"] is None
    ]
    assert len(nulls) == 42
    assert sorted(error["path"] for error in answer["errors"]) == sorted(nulls)


def test_no_more_than_ten_errors_of_a_request_are_listed(gateway: Serving) -> None:
    query = body("{ clients {" + " ".join(f"nonsense{n}" for n in range(15)) + "} }")
    with gateway.connection() as wire:
        answer = wire.ask(post(query))

    assert (answer.status, len(orjson.loads(answer.content)["errors"])) == (422, 10)
