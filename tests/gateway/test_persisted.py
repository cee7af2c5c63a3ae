"""Documents named by hash or id: Apollo's automatic ones, and those of a file."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import GatewayApp, create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from gateway.settings import ConfigurationError
from tests.gateway.conftest import Gateway, before, settings
from tests.in_process import InProcess

TOTAL = "query Total { clients { totalCount } }"
OTHER = "query Other { __typename }"
DELETE = 'mutation Delete { deleteClient(input: { id: "x" }) { __typename } }'
APOLLO = "application/graphql-response+json,application/json;q=0.9"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hashed(text: str, /, **more: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}} | more


async def post(gateway: Gateway, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await gateway.http.post(
        "/graphql", json=body, headers={"X-API-Key": DEMO.api_key} | headers
    )


async def get(gateway: Gateway, **parameters: Any) -> httpx.Response:
    query = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parameters.items()
    }
    return await gateway.http.get("/graphql", params=query, headers={"X-API-Key": DEMO.api_key})


def code(answer: httpx.Response) -> str | None:
    errors = answer.json().get("errors")
    return errors[0]["extensions"]["code"] if errors else None


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "manifest.json"
    operations = [
        {"id": "total", "name": "Total", "type": "query", "body": TOTAL},
        {"id": "delete", "name": "Delete", "type": "mutation", "body": DELETE},
    ]
    content = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    file.write_text(json.dumps(content))
    return file


async def test_a_hash_is_enough_once_the_text_came_with_it(gateway: Gateway) -> None:
    unknown = await post(gateway, hashed(TOTAL))
    registered = await post(gateway, hashed(TOTAL, query=TOTAL))
    known = await post(gateway, hashed(TOTAL))

    assert (unknown.status_code, unknown.json()["errors"][0]["message"]) == (
        422,
        "PersistedQueryNotFound",
    )
    assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
    assert "data" not in unknown.json()
    assert unknown.headers["cache-control"] == "no-store"
    assert registered.json()["data"] == known.json()["data"] == {"clients": {"totalCount": 42}}


async def test_in_the_media_type_of_graphql_an_unknown_hash_is_422(gateway: Gateway) -> None:
    unknown = await post(gateway, hashed(TOTAL), accept=APOLLO)

    assert (unknown.status_code, code(unknown)) == (422, "PERSISTED_QUERY_NOT_FOUND")


async def test_a_hash_of_another_text_is_refused_and_not_registered(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    forged = await post(gateway, hashed(OTHER, query=TOTAL))

    assert (forged.status_code, code(forged)) == (400, "BAD_REQUEST")
    assert code(await post(gateway, hashed(OTHER))) == "PERSISTED_QUERY_NOT_FOUND"
    assert sandbox.calls == []


async def test_a_document_that_cannot_be_executed_is_not_registered(gateway: Gateway) -> None:
    wrong = "{ nonsense }"

    assert code(await post(gateway, hashed(wrong, query=wrong))) == "BAD_USER_INPUT"
    assert code(await post(gateway, hashed(wrong))) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "persisted",
    [
        {},
        1,
        {"version": 2, "sha256Hash": sha256(TOTAL)},
        {"version": 1},
        {"version": 1, "sha256Hash": 7},
        {"version": 1, "sha256Hash": ""},
    ],
)
async def test_an_extension_that_is_not_apollos_is_refused(
    gateway: Gateway, persisted: Any
) -> None:
    body = {"query": TOTAL, "extensions": {"persistedQuery": persisted}}

    assert (await post(gateway, body)).status_code == 400


async def test_the_oldest_automatic_document_goes_when_the_memory_is_full(sandbox: Sandbox) -> None:
    async with before(sandbox, persisted_queries_max_bytes=1_000) as gateway:
        texts = [f"query Q{number} {{ __typename }}{' ' * 200}" for number in range(4)]
        for text in texts:
            await post(gateway, hashed(text, query=text))
        found = [code(await post(gateway, hashed(text))) for text in texts]
        large = OTHER + " " * 2_000
        await post(gateway, hashed(large, query=large))

        assert found == ["PERSISTED_QUERY_NOT_FOUND", None, None, None]
        assert code(await post(gateway, hashed(large))) == "PERSISTED_QUERY_NOT_FOUND"


async def test_without_memory_they_are_not_supported_and_the_text_is_answered(
    sandbox: Sandbox,
) -> None:
    async with before(sandbox, persisted_queries_max_bytes=0) as gateway:
        refused = await post(gateway, hashed(TOTAL))
        answered = await post(gateway, hashed(TOTAL, query=TOTAL))

    assert code(refused) == "PERSISTED_QUERY_NOT_SUPPORTED"
    assert code(answered) is None


async def test_where_documents_must_be_persisted_a_bare_text_is_refused(
    sandbox: Sandbox, manifest: Path
) -> None:
    async with before(
        sandbox, allowed_documents="persisted", trusted_documents_file=manifest
    ) as gateway:
        bare = await post(gateway, {"query": OTHER})
        with_hash = await post(gateway, hashed(OTHER, query=OTHER))
        trusted = await post(gateway, {"query": TOTAL})

    assert (code(bare), code(with_hash), code(trusted)) == ("PERSISTED_QUERY_REQUIRED", None, None)


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": "total"},
        {"documentId": sha256(TOTAL)},
        {"documentId": f"sha256:{sha256(TOTAL)}"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "total"}}},
        hashed(TOTAL),
        {"query": TOTAL},
    ],
)
async def test_a_trusted_document_is_answered_however_it_is_named(
    sandbox: Sandbox, manifest: Path, body: dict[str, Any]
) -> None:
    async with before(
        sandbox, allowed_documents="trusted", trusted_documents_file=manifest
    ) as gateway:
        answer = await post(gateway, body)

    assert answer.json()["data"] == {"clients": {"totalCount": 42}}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"query": OTHER}, "PERSISTED_QUERY_REQUIRED"),
        (hashed(OTHER, query=OTHER), "PERSISTED_QUERY_REQUIRED"),
        (hashed(OTHER), "PERSISTED_QUERY_REQUIRED"),
        ({"query": f"{TOTAL} "}, "PERSISTED_QUERY_REQUIRED"),
        ({"documentId": "other"}, "PERSISTED_QUERY_NOT_FOUND"),
        ({"documentId": "total", "query": TOTAL}, "BAD_REQUEST"),
    ],
)
async def test_where_only_trusted_documents_are_taken_no_other_is(
    sandbox: Sandbox, manifest: Path, body: dict[str, Any], refusal: str
) -> None:
    async with before(
        sandbox, allowed_documents="trusted", trusted_documents_file=manifest
    ) as gateway:
        answer = await post(gateway, body)

    assert code(answer) == refusal
    assert sandbox.calls == []


def test_a_file_with_a_document_this_graph_refuses_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "relay.json"
    file.write_text(json.dumps({"abc": "{ nonsense }"}))

    with pytest.raises(
        ConfigurationError, match="TRUSTED_DOCUMENTS_FILE has abc, which is refused"
    ):
        create_app(settings(trusted_documents_file=file))


async def test_limits_hold_for_persisted_documents(gateway: Gateway) -> None:
    deep = "{ " + "a { " * 9 + "b" + " }" * 10

    for _ in range(2):
        assert code(await post(gateway, hashed(deep, query=deep))) == "LIMIT_EXCEEDED"


async def test_a_get_asks_by_hash_and_may_be_kept_while_it_is_fresh(gateway: Gateway) -> None:
    await post(gateway, hashed(TOTAL, query=TOTAL))

    answer = await get(gateway, **hashed(TOTAL))
    again = await gateway.http.get(
        answer.url,
        headers={"X-API-Key": DEMO.api_key, "If-None-Match": answer.headers["etag"]},
    )

    assert answer.json()["data"] == {"clients": {"totalCount": 42}}
    assert answer.headers["cache-control"] == "private, max-age=30"
    assert answer.headers["etag"].startswith('W/"')
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    assert "content-length" not in again.headers


async def test_every_answer_names_once_what_it_varies_by(gateway: Gateway) -> None:
    answers = [
        await post(gateway, {"query": TOTAL}),
        await get(gateway, query=TOTAL),
        await gateway.http.put("/graphql"),
        await gateway.http.options("/graphql"),
    ]

    for answer in answers:
        assert answer.headers.get_list("vary") == [
            "Accept, Accept-Encoding, Authorization, X-API-Key, X-Gateway-Token, Origin"
        ]


async def test_an_answer_with_errors_and_any_to_a_post_is_not_kept(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    failing = "query { clients(first: 101) { totalCount } }"
    await post(gateway, hashed(failing, query=failing))

    for answer in (await get(gateway, **hashed(failing)), await post(gateway, {"query": TOTAL})):
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers
    assert len(sandbox.calls) == 1


async def test_a_get_with_a_text_that_is_not_persisted_is_referred_to_post(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    answer = await get(gateway, query=TOTAL)

    assert (answer.status_code, answer.headers["allow"], code(answer)) == (
        405,
        "POST",
        "BAD_REQUEST",
    )
    assert sandbox.calls == []


async def test_a_get_never_changes_anything(sandbox: Sandbox, manifest: Path) -> None:
    async with before(sandbox, trusted_documents_file=manifest) as gateway:
        by_id = await get(gateway, documentId="delete")
        by_text = await get(gateway, query=DELETE)

    assert [(answer.status_code, answer.headers["allow"]) for answer in (by_id, by_text)] == [
        (405, "POST")
    ] * 2
    assert sandbox.calls == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"content-type": "text/plain"}, 400),
        ({"content-type": "application/x-www-form-urlencoded"}, 400),
        ({"content-type": "application/json"}, 200),
        ({"apollo-require-preflight": "true"}, 200),
        ({"x-apollo-operation-name": "Other"}, 200),
        ({"x-api-key": DEMO.api_key}, 200),
    ],
)
async def test_a_get_that_another_page_could_send_unasked_is_refused(
    gateway: Gateway, headers: dict[str, str], status: int
) -> None:
    await post(gateway, hashed(OTHER, query=OTHER))
    parameters = {"extensions": json.dumps(hashed(OTHER)["extensions"])}

    answer = await gateway.http.get("/graphql", params=parameters, headers=headers)

    assert answer.status_code == status


@pytest.mark.parametrize(
    "query",
    [
        "",
        "query=",
        "extensions={",
        "extensions=[]",
        "variables=1&documentId=x",
        "variables={%22a%22:1,%22a%22:2}&documentId=x",
        "documentId=x&documentId=y",
        "documentId=%ff",
        "&".join(f"p{number}=1" for number in range(1_000)),
    ],
)
async def test_parameters_that_make_no_sense_are_400(gateway: Gateway, query: str) -> None:
    answer = await gateway.http.get(f"/graphql?{query}", headers={"x-api-key": DEMO.api_key})

    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


async def test_variables_travel_in_the_url(gateway: Gateway, sandbox: Sandbox) -> None:
    text = "query One($id: ID!) { client(id: $id) { id } }"
    await post(gateway, hashed(text, query=text, variables={"id": "no-uuid"}))
    id = sandbox.rows_of(DEMO)[0]["id"]

    answer = await get(gateway, **hashed(text), variables={"id": id}, operationName="One")

    assert answer.json()["data"] == {"client": {"id": id}}


async def test_head_says_what_get_would(gateway: Gateway) -> None:
    await post(gateway, hashed(OTHER, query=OTHER))
    parameters = {"extensions": json.dumps(hashed(OTHER)["extensions"])}

    answer = await gateway.http.head(
        "/graphql", params=parameters, headers={"x-api-key": DEMO.api_key}
    )

    assert answer.status_code == 200
    assert answer.headers["etag"]


@asynccontextmanager
async def reloadable(
    sandbox: Sandbox, file: Path, **changes: Any
) -> AsyncIterator[tuple[Gateway, GatewayApp]]:
    """A gateway with trusted documents of a file, and its application."""
    app = create_app(
        settings(trusted_documents_file=file, **changes),
        wire=InProcess(sandbox),
        clock=asyncio.get_running_loop().time,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
        yield Gateway(http), app


@pytest.mark.parametrize("text", [TOTAL, OTHER], ids=["from the cache", "of no caller"])
async def test_after_a_reload_the_new_documents_are_executed_and_the_old_are_not(
    sandbox: Sandbox, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"old": text}))
    async with reloadable(sandbox, file, allowed_documents="trusted") as (gateway, app):
        answers = [await post(gateway, {"documentId": "old"}) for _ in range(3)]
        answers.append(await post(gateway, {"query": text}))
        assert [code(answer) for answer in answers] == [None] * 4
        file.write_text(json.dumps({"new": "query New { __typename }"}))

        assert await app.reload() == 1

        assert code(await post(gateway, {"documentId": "old"})) == "PERSISTED_QUERY_NOT_FOUND"
        assert code(await post(gateway, {"query": text})) == "PERSISTED_QUERY_REQUIRED"
        assert code(await post(gateway, {"documentId": "new"})) is None


async def test_a_request_that_began_before_a_reload_is_answered_and_the_next_is_refused(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"old": TOTAL}))
    async with reloadable(sandbox, file, allowed_documents="trusted") as (gateway, app):
        begun = asyncio.create_task(post(gateway, {"documentId": "old"}))
        while not sandbox.calls:  # noqa: ASYNC110 - the sandbox signals nothing
            await asyncio.sleep(0)
        file.write_text(json.dumps({}))
        await app.reload()

        assert code(await begun) is None
        assert code(await post(gateway, {"documentId": "old"})) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        ("[1]", "is neither Apollo's manifest nor Relay's map"),
        ('{"new": "{ nonsense }"}', "has new, which is refused"),
    ],
)
async def test_a_file_with_a_mistake_leaves_the_documents_as_they_are(
    sandbox: Sandbox, tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"old": TOTAL}))
    async with reloadable(sandbox, file, allowed_documents="trusted") as (gateway, app):
        if content is None:
            file.unlink()
        else:
            file.write_text(content)

        with pytest.raises(ConfigurationError, match=reason):
            await app.reload()

        assert code(await post(gateway, {"documentId": "old"})) is None
        assert code(await post(gateway, {"documentId": "new"})) == "PERSISTED_QUERY_NOT_FOUND"
