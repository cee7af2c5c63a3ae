"""What the door does around an operation: turning away, naming, guarding, letting others in."""

import asyncio
import hashlib

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway, before

ELSEWHERE = "https://app.example"
TOTAL = "{ clients { totalCount } }"
KEY = {"X-API-Key": DEMO.api_key}
HASH = hashlib.sha256(TOTAL.encode()).hexdigest()


async def post(gateway: Gateway, query: str = TOTAL, **headers: str) -> httpx.Response:
    sent = KEY | {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.http.post("/graphql", json={"query": query}, headers=sent)


async def test_one_operation_too_many_is_turned_away_at_once(sandbox: Sandbox) -> None:
    async with before(sandbox, max_concurrent_requests=5) as gateway:
        answers = await asyncio.gather(*(post(gateway) for _ in range(8)))
        after = await post(gateway)

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [503] * 3
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"
    assert after.status_code == 200


async def test_a_caller_that_leaves_or_is_refused_makes_room(sandbox: Sandbox) -> None:
    async with before(sandbox, max_concurrent_requests=1) as gateway:
        for body in (b"", b"{", b"[]", b'{"query":"{"}', b'{"query":"{__typename}"}'):
            await gateway.http.post("/graphql", content=body)
        await gateway.http.request("BREW", "/graphql")

        assert (await post(gateway)).status_code == 200


async def test_a_request_keeps_its_names_in_the_answer_and_in_every_error(gateway: Gateway) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await post(
        gateway, "{", x_request_id="mine-1", traceparent=f"00-{trace}-00f067aa0ba902b7-01"
    )
    unnamed = await post(gateway, "{")

    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json()["errors"][0]["extensions"]["requestId"] == "mine-1"
    assert answer.headers["traceparent"].split("-")[:2] == ["00", trace]
    assert answer.headers["traceparent"].split("-")[2] != "00f067aa0ba902b7"
    made = unnamed.headers["x-request-id"]
    assert unnamed.headers["traceparent"].split("-")[1] == made
    assert unnamed.json()["errors"][0]["extensions"]["requestId"] == made


async def test_every_answer_keeps_browsers_from_taking_it_for_a_page(gateway: Gateway) -> None:
    for answer in (
        await post(gateway),
        await gateway.http.get("/graphql"),
        await post(gateway, "{"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers


async def test_options_says_what_may_be_sent(gateway: Gateway) -> None:
    answer = await gateway.http.options("/graphql")

    assert (answer.status_code, answer.headers["allow"], answer.content) == (
        204,
        "GET, HEAD, POST, OPTIONS",
        b"",
    )


async def test_pages_of_other_origins_may_not_call_unless_configured(gateway: Gateway) -> None:
    request_headers = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    preflight = await gateway.http.options("/graphql", headers=request_headers)
    answer = await post(gateway, origin=ELSEWHERE)

    for each in (preflight, answer):
        assert not [name for name in each.headers if name.startswith("access-control")]


@pytest.mark.parametrize("sent", ["ETag", "Retry-After", "X-Request-Id", "traceparent"])
async def test_a_configured_origin_may_call_and_read_what_it_needs(
    sandbox: Sandbox, sent: str
) -> None:
    async with before(sandbox, cors_origins=(ELSEWHERE,)) as gateway:
        request_headers = {
            "Origin": ELSEWHERE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-api-key, apollo-require-preflight",
        }
        preflight = await gateway.http.options("/graphql", headers=request_headers)
        answer = await post(gateway, origin=ELSEWHERE)

    assert preflight.status_code == 204
    for each in (preflight, answer):
        assert each.headers["access-control-allow-origin"] == ELSEWHERE
        assert "access-control-allow-credentials" not in each.headers
    assert sent in answer.headers["access-control-expose-headers"].split(", ")
    assert [name.strip() for name in answer.headers["vary"].split(",")].count("Origin") == 1


@pytest.mark.parametrize(
    "origin",
    ["https://app.example.evil", "http://app.example", "https://app.example:444", "null", "*"],
)
async def test_an_origin_that_only_looks_like_it_may_not(sandbox: Sandbox, origin: str) -> None:
    async with before(sandbox, cors_origins=(ELSEWHERE,)) as gateway:
        request_headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = await gateway.http.options("/graphql", headers=request_headers)
        answer = await post(gateway, origin=origin)

    assert preflight.status_code == 204
    for each in (preflight, answer):
        assert "access-control-allow-origin" not in each.headers


async def get_by_hash(gateway: Gateway, **headers: str) -> httpx.Response:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}
    body = {"query": TOTAL, "extensions": extensions}
    await gateway.http.post(
        "/graphql", json=body, headers=KEY | {"Cache-Control": "only-if-cached"}
    )
    return await gateway.http.get("/graphql", params={"documentId": HASH}, headers=KEY | headers)


async def test_a_kept_answer_promises_less_the_older_its_data_is(gateway: Gateway) -> None:
    promised = []
    for _ in range(3):
        answer = await get_by_hash(gateway)
        age = answer.json()["extensions"]["upstream"]["ages"]["oldestSeconds"] or 0
        promised.append((age, answer.headers["cache-control"]))
        await asyncio.sleep(10)

    assert promised == [
        (0, "private, max-age=30"),
        (10, "private, max-age=20"),
        (20, "private, max-age=10"),
    ]


async def test_the_time_an_answer_took_counts_as_its_age(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.fail(Fault(path="/clients", latency=2.5))

    assert (await get_by_hash(gateway)).headers["cache-control"] == "private, max-age=27"


async def test_a_stale_answer_may_not_be_kept(gateway: Gateway, sandbox: Sandbox) -> None:
    await get_by_hash(gateway)
    await asyncio.sleep(60)
    sandbox.fail(Fault(path="/clients", status=503, times=99))

    answer = await get_by_hash(gateway)

    assert answer.json()["extensions"]["upstream"]["stale"] is True
    assert answer.headers["cache-control"] == "no-store"
