"""graphql-cop's checks, as equivalent requests to a gateway with the settings of `serve`.

The names are those of its tests (dolevf/graphql-cop, lib/tests); none may find anything.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.settings import load_settings
from tests.gateway.conftest import HERE
from tests.in_process import InProcess


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(load_settings({}, _env_file=None), wire=InProcess(sandbox))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
        yield client
    assert sandbox.calls == []


async def post(http: httpx.AsyncClient, body: Any) -> Any:
    answer = await http.post("/graphql", json=body)
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()


def refused(answer: Any, code: str = "LIMIT_EXCEEDED") -> bool:
    return "data" not in answer and answer["errors"][0]["extensions"]["code"] == code


async def test_alias_overloading(http: httpx.AsyncClient) -> None:
    aliases = " ".join(f"alias{number}: __typename" for number in range(101))

    assert refused(await post(http, {"query": f"query cop {{ {aliases} }}"}))


async def test_array_based_query_batching(http: httpx.AsyncClient) -> None:
    assert refused(await post(http, [{"query": "query cop { __typename }"}] * 10), "BAD_REQUEST")


async def test_circular_fragment(http: httpx.AsyncClient) -> None:
    query = "query { ...A } fragment A on Query { __typename ...B } fragment B on Query { ...A }"

    assert refused(await post(http, {"query": query}), "BAD_USER_INPUT")


async def test_circular_introspection(http: httpx.AsyncClient) -> None:
    deep = "fields { type { " * 4 + "name" + " } }" * 4
    query = f"query cop {{ __schema {{ types {{ {deep} }} }} }}"

    assert refused(await post(http, {"query": query}), "BAD_USER_INPUT")


async def test_directive_overloading(http: httpx.AsyncClient) -> None:
    assert refused(await post(http, {"query": "query cop { __typename " + "@aa" * 50 + " }"}))
    fewer = await post(http, {"query": "query cop { __typename " + "@aa" * 10 + " }"})
    assert len(fewer["errors"]) <= 10


async def test_field_duplication(http: httpx.AsyncClient) -> None:
    assert refused(await post(http, {"query": "query cop { " + "__typename \n" * 500 + "}"}))


@pytest.mark.parametrize(
    "query",
    [
        "query cop { __schema { directive } }",
        "{ client(id: 1) { firstNam } }",
        "{ clients(firs: 1) { totalCount } }",
        "{ clients(filter: { statu: ACTIVE }) { totalCount } }",
        "{ clients(filter: { status: ACTIV }) { totalCount } }",
        "{ node(id: 1) { ... on Clien { id } } }",
        "{ client(id: 1) @skp(if: true) { id } }",
        "query ($a: I) { clients(first: $a) { totalCount } }",
    ],
)
async def test_field_suggestions(http: httpx.AsyncClient, query: str) -> None:
    answer = await post(http, {"query": query})

    assert "data" not in answer
    assert "did you mean" not in json.dumps(answer).lower()


async def test_suggestions_about_variables(http: httpx.AsyncClient) -> None:
    query = "query ($filter: ClientFilter) { clients(filter: $filter) { totalCount } }"
    for filter in ({"statu": "ACTIVE"}, {"status": "ACTIV"}):
        answer = await post(http, {"query": query, "variables": {"filter": filter}})

        assert refused(answer, "BAD_USER_INPUT")
        assert "did you mean" not in json.dumps(answer).lower()


async def test_get_based_mutation(http: httpx.AsyncClient) -> None:
    answer = await http.get("/graphql", params={"query": "mutation cop { __typename }"})

    assert answer.status_code in {400, 405}
    assert refused(answer.json(), "BAD_REQUEST")


async def test_get_method_support(http: httpx.AsyncClient) -> None:
    answer = await http.get("/graphql", params={"query": "query cop { __typename }"})

    assert answer.status_code in {400, 405}
    assert refused(answer.json(), "BAD_REQUEST")


@pytest.mark.parametrize("path", ["/", "/graphql", "/graphiql", "/playground", "/console"])
async def test_graphiql_and_playground(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers={"Accept": "text/html"})

    assert answer.status_code in {400, 404, 405, 406}
    assert "html" not in answer.text.lower()


async def test_introspection(http: httpx.AsyncClient) -> None:
    for query in (
        "query cop { __schema { types { name fields { name } } } }",
        'query cop { __type(name: "Client") { name } }',
    ):
        assert refused(await post(http, {"query": query}), "BAD_USER_INPUT")


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain"])
async def test_post_based_csrf(http: httpx.AsyncClient, content_type: str) -> None:
    for content in (b"query=query%20cop%20%7B__typename%7D", b'{"query":"{__typename}"}'):
        answer = await http.post(
            "/graphql", content=content, headers={"content-type": content_type}
        )

        assert answer.status_code == 415
        assert refused(answer.json(), "BAD_REQUEST")


async def test_trace_mode(http: httpx.AsyncClient) -> None:
    good = await post(http, {"query": "query cop { __typename }"})
    bad = await post(http, {"query": "query cop { nonsense }"})

    assert "extensions" not in good
    assert set(bad["errors"][0]["extensions"]) == {"code", "requestId"}


@pytest.mark.parametrize("body", [{"qwerty": "abc"}, "qwerty {", {"query": "qwerty cop { abc }"}])
async def test_unhandled_errors(http: httpx.AsyncClient, body: Any) -> None:
    answer = await post(http, body)

    assert set(answer) == {"errors"}
    assert set(answer["errors"][0]) <= {"message", "locations", "path", "extensions"}
    assert "Traceback" not in json.dumps(answer)
