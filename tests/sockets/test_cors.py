"""Pages of other origins: every answer of every status names an allowed origin, by both ways."""

import hashlib
import threading
from collections.abc import Iterator

import orjson
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.serving import Serving, Way, post, serving

APP, OTHER_APP, EVIL = "https://app.example", "https://other.example", "https://evil.example"
LIST = b'{"query":"{ clients(first: 2) { totalCount } }"}'
ALLOW, EXPOSE = "access-control-allow-origin", "access-control-expose-headers"


@pytest.fixture(scope="module", params=list(Way), ids=lambda way: way.value)
def gateway(request: pytest.FixtureRequest) -> Iterator[Serving]:
    origins = (APP, OTHER_APP)
    with serving(Sandbox(), request.param, cors_origins=origins, graphiql=True) as gateway:
        yield gateway


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{line} HTTP/1.1", "host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def preflight(*headers: str, path: str = "/graphql", origin: str = APP) -> bytes:
    asks = ("access-control-request-method: POST", f"origin: {origin}")
    return request(f"OPTIONS {path}", *asks, *headers)


TOTAL = "{ clients { totalCount } }"
HASH = hashlib.sha256(TOTAL.encode()).hexdigest()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post(LIST), 200),
        (post(b"{"), 400),
        (post(b"{", "host: twice"), 400),
        (post(LIST, "content-encoding: br"), 415),
        (post(b'{"query":"{ nonsense }"}'), 422),
        (post(b'{"query":"{ clients { totalCount } }"}', key=None), 294),
        (post(LIST, key="short"), 401),
        (post(LIST, path="/" + "a" * 9_000), 414),
        (post(LIST, "x-long: " + "a" * 70_000), 431),
        (post(LIST, *[f"x-{n}: 1" for n in range(200)]), 431),
        (request("GET /graphiql/assets/none.js"), 404),
        (request("DELETE /graphiql/assets/none.js"), 405),
        (post(LIST, path="/nowhere"), 404),
        (request("PUT /graphql", "content-length: 0"), 405),
        (post(LIST, "accept: image/png"), 406),
        (post(b"x" * 200_000), 413),
        (post(LIST).replace(b"application/json", b"text/plain"), 415),
        (request("GET /livez"), 200),
        (request("GET /readyz"), 200),
        (request("PUT /livez", "content-length: 0"), 405),
        (request("GET /graphql/"), 404),
        (request("GET /"), 307),
        (request("GET /graphiql/config.json"), 200),
        (request("OPTIONS /graphql"), 204),
        (preflight(), 204),
    ],
)
def test_an_answer_of_any_status_names_an_allowed_origin_and_no_other(
    gateway: Serving, sent: bytes, status: int
) -> None:
    head, end, body = sent.partition(b"\r\n\r\n")
    seen = {}
    for origin in (APP, OTHER_APP, EVIL):
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"origin:")]
        with gateway.connection() as wire:
            answer = wire.ask(b"\r\n".join([*lines, b"origin: " + origin.encode()]) + end + body)
        seen[origin] = (answer.status, answer.headers.get(ALLOW))
        assert answer.headers["vary"].split(", ").count("Origin") == 1, answer
        assert "access-control-allow-credentials" not in answer.headers

    assert seen == {APP: (status, APP), OTHER_APP: (status, OTHER_APP), EVIL: (status, None)}


def test_an_answer_that_is_not_modified_names_it_too(gateway: Serving) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}
    get = (f"GET /graphql?documentId={HASH}", f"x-api-key: {DEMO.api_key}")
    with gateway.connection() as wire:
        wire.ask(post(orjson.dumps({"query": TOTAL, "extensions": extensions})))
        first = wire.ask(request(*get, f"origin: {APP}"))
        tag = f"if-none-match: {first.headers['etag']}"
        again = wire.ask(request(*get, f"origin: {OTHER_APP}", tag))

    assert (first.status, first.headers[ALLOW]) == (200, APP)
    assert (again.status, again.headers[ALLOW]) == (304, OTHER_APP)


@pytest.mark.parametrize(("origins", "named"), [((APP,), "*"), ((), None)])
def test_a_page_may_read_that_there_are_too_many_connections_if_any_origin_is_allowed(
    origins: tuple[str, ...], named: str | None
) -> None:
    """The refusal is sent before the request, so that it cannot name its origin."""
    crowded = serving(Sandbox(), Way.FAST, cors_origins=origins, max_connections=1)
    with crowded as gateway, gateway.connection() as first:
        first.ask(request("GET /livez"))
        with gateway.connection() as late:
            refusal = late.answer()

    assert (refusal.status, refusal.headers.get(ALLOW)) == (503, named)
    assert ("Retry-After" in refusal.headers.get(EXPOSE, "")) is bool(origins)


def test_what_is_remembered_names_the_origin_of_each_that_asks(gateway: Serving) -> None:
    named = []
    with gateway.connection() as wire:
        for origin in (None, APP, OTHER_APP, EVIL, APP, "null", None):
            lines = [f"origin: {origin}"] if origin else []
            named.append([wire.ask(post(LIST, *lines)).headers.get(ALLOW) for _ in range(3)])

    assert named == [[each] * 3 for each in (None, APP, OTHER_APP, None, APP, None, None)]


@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "null",
        "*",
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil",
        "https://evil.example/https://app.example",
        "HTTPS://APP.EXAMPLE",
        "https://app.example https://evil.example",
        "https://app.example,https://evil.example",
        "https://app.example\r\norigin: https://evil.example",
    ],
)
def test_an_origin_that_only_looks_allowed_is_not(gateway: Serving, origin: str) -> None:
    with gateway.connection() as wire:
        granted = wire.ask(preflight(origin=origin))
        answer = wire.ask(post(LIST, f"origin: {origin}"))

    for each in (granted, answer):
        assert [name for name in each.headers if name.startswith("access-control")] == []
    assert (granted.status, answer.status) == (204, 200)


@pytest.mark.parametrize(
    "name",
    [
        "apollo-require-preflight",
        "apollographql-client-name",
        "apollographql-client-version",
        "authorization",
        "baggage",
        "content-type",
        "graphql-require-preflight",
        "if-none-match",
        "newrelic",
        "sentry-trace",
        "traceparent",
        "tracestate",
        "x-api-key",
        "x-apollo-operation-name",
        "x-datadog-trace-id",
        "x-gateway-token",
        "x-graphql-client-name",
        "x-made-up-today",
        "x-requested-with",
        "x-request-id",
    ],
)
def test_a_preflight_grants_the_headers_that_it_names(gateway: Serving, name: str) -> None:
    sent = f"accept,content-type,{name}"
    with gateway.connection() as wire:
        answer = wire.ask(preflight(f"access-control-request-headers: {sent}"))

    assert answer.status == 204
    assert answer.headers["access-control-allow-headers"] == sent
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert answer.headers["access-control-max-age"] == "7200"
    assert answer.content == b""


@pytest.mark.parametrize("named", ["bad name", "a,,b", "x" * 2_000, "a\tb", "(", '"x"', "ä"])
def test_a_preflight_repeats_only_names_of_headers(gateway: Serving, named: str) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(preflight(f"access-control-request-headers: {named}"))

    granted = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "x-api-key"} <= set(granted)
    assert named not in answer.headers["access-control-allow-headers"]


def test_a_page_of_an_allowed_origin_may_call_into_a_private_network(gateway: Serving) -> None:
    private = "access-control-request-private-network: true"
    with gateway.connection() as wire:
        granted = wire.ask(preflight(private))
        plain = wire.ask(preflight())
        refused = wire.ask(preflight(private, origin=EVIL))

    seen = [
        each.headers.get("access-control-allow-private-network")
        for each in (granted, plain, refused)
    ]
    assert seen == ["true", None, None]


def test_a_page_may_read_what_it_needs(gateway: Serving) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(post(LIST, f"origin: {APP}"))

    exposed = {name.lower() for name in answer.headers[EXPOSE].split(", ")}
    needed = {"x-request-id", "traceparent", "retry-after", "etag", "www-authenticate"}
    assert needed <= exposed


def test_a_page_reads_that_the_gateway_is_busy(way: Way) -> None:
    sandbox = Sandbox()
    sandbox.fail(Fault(latency=0.3))
    with (
        serving(sandbox, way, cors_origins=(APP,), max_concurrent_requests=1) as gateway,
        gateway.connection() as slow,
        gateway.connection() as late,
    ):
        slow.send(post(LIST))
        while not sandbox.calls:
            threading.Event().wait(0.005)
        busy = late.ask(post(LIST, f"origin: {APP}"))
        assert slow.answer().status == 200

    assert (busy.status, busy.headers["retry-after"], busy.headers[ALLOW]) == (503, "1", APP)


@pytest.mark.parametrize("cut", [-1, -3, -90])
def test_a_page_reads_that_its_request_came_too_late(way: Way, cut: int) -> None:
    late = post(LIST, f"origin: {APP}", "x-request-id: late-1", "x-more: " + "a" * 80)
    with (
        serving(
            Sandbox(),
            way,
            cors_origins=(APP,),
            timeout_request_headers=0.1,
            timeout_request_body=0.1,
        ) as gateway,
        gateway.connection() as wire,
    ):
        answer = wire.ask(late[:cut])

    seen = (answer.status, answer.headers[ALLOW], answer.headers["x-request-id"])
    assert seen == (408, APP, "late-1")


def test_without_origins_configured_no_answer_names_any(way: Way) -> None:
    with serving(Sandbox(), way) as gateway, gateway.connection() as wire:
        answers = [wire.ask(preflight()), wire.ask(post(LIST, f"origin: {APP}"))]

    for answer in answers:
        assert [name for name in answer.headers if name.startswith("access-control")] == []
