"""Pages of other origins in a real browser: what they may send, and what they get to read.

Two ports are two origins (RFC 6454). `fetch`, Apollo Client and urql, each bundled as an
application's is, call through a relay that keeps what the browser really sent.
"""

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA
from tests.browser.chromium import PATIENCE, Chromium, until
from tests.browser.page import Page, new_page
from tests.recorder import Recorder, recorder
from tests.serving import Serving, Way, post, serving
from tests.skips import NODE

CONSUMERS = Path(__file__).parents[1] / "clients"
CLIENTS = ["fetch", "apollo", "urql"]
PAGE = "".join(f'<script src="/{name}.js"></script>' for name in CLIENTS)
ASK = "(name, ...rest) => window.clients[name](...rest)"
PLAIN = "(...rest) => window.plain(...rest)"
MINE = {"X-API-Key": ADA.api_key}
ONE = "query One($id: ID!) { client(id: $id) { id email } }"
NEW = """mutation New($input: CreateClientInput!) {
  createClient(input: $input) { ... on CreateClientSuccess { client { firstName } } }
}"""
OTTOLINE = {"input": {"firstName": "Ottoline", "lastName": "Lee", "clientType": "BUYER"}}
ONE_OF = b'{"query":"query ($id: ID!) { client(id: $id) { id } }","variables":{"id":"%b"}}'


class Holding(Sandbox):
    """Answers nothing until released, from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.called, self.released = threading.Event(), threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.called.set()
        await asyncio.to_thread(self.released.wait, PATIENCE)
        await super().__call__(scope, receive, send)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page that has all three clients."""
    if not (CONSUMERS / "node_modules").exists():
        pytest.skip("the npm packages of tests/clients are not here: `make test` brings them")
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(  # noqa: S603 - a script of ours
        [NODE.path(), CONSUMERS / "origin" / "bundle.mjs", folder], check=True
    )
    (folder / "index.html").write_text(f"<!doctype html>{PAGE}<title>An office's page</title>")
    return folder


@pytest.fixture(scope="module")
def origins(site: Path) -> Iterator[list[str]]:
    """Two origins with that page: the first is one that the gateway lists."""
    servers = [
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) for _ in range(2)
    ]
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    yield [f"http://127.0.0.1:{server.server_port}" for server in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module", params=list(Way), ids=lambda way: way.value)
def shared(request: pytest.FixtureRequest, origins: list[str]) -> Iterator[Serving]:
    with serving(Sandbox(), request.param, cors_origins=(origins[0],), cache=False) as served:
        yield served


@pytest.fixture
def gateway(shared: Serving) -> Serving:
    """One gateway for all of these tests; it remembers nothing."""
    shared.sandbox.calls.clear()
    return shared


@pytest.fixture
def relay(gateway: Serving) -> Iterator[Recorder]:
    with recorder(gateway.port) as recording:
        yield recording


@pytest.fixture
def page(browser: Chromium, origins: list[str]) -> Iterator[Page]:
    """The listed origin's page."""
    yield from opened(browser, origins[0])


@pytest.fixture
def stranger(browser: Chromium, origins: list[str]) -> Iterator[Page]:
    """The same page at an origin that is not listed."""
    yield from opened(browser, origins[1])


def opened(browser: Chromium, origin: str) -> Iterator[Page]:
    with new_page(browser) as tab:
        tab.open(f"{origin}/")
        until(lambda: tab.look("() => Object.keys(window.clients ?? {}).length === 3"), "its page")
        yield tab


def ask(page: Page, name: str, relay: Recorder, *arguments: object) -> Any:
    return page.look(ASK, name, f"{relay.url}/graphql", *arguments)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_listed_page_queries_and_changes_and_its_preflight_is_remembered(
    page: Page, relay: Recorder, gateway: Serving, name: str
) -> None:
    row, other = ADA.clients()[:2]

    responses = [
        ask(page, name, relay, MINE, ONE, {"id": row["id"]}),
        ask(page, name, relay, MINE, ONE, {"id": other["id"]}),
        ask(page, name, relay, MINE, NEW, OTTOLINE),
    ]

    assert [without_types(each) for each in responses] == [
        {"data": {"client": {"id": row["id"], "email": row["email"]}}},
        {"data": {"client": {"id": other["id"], "email": other["email"]}}},
        {"data": {"createClient": {"client": {"firstName": "Ottoline"}}}},
    ]
    assert gateway.sandbox.calls == [
        f"GET /clients/{row['id']}",
        f"GET /clients/{other['id']}",
        "POST /clients",
    ]
    assert sorted(relay.requests()) == ["OPTIONS /graphql", *["POST /graphql"] * 3]


@pytest.mark.parametrize("name", CLIENTS)
def test_a_listed_page_reads_why_it_was_refused(
    page: Page, relay: Recorder, gateway: Serving, name: str
) -> None:
    responses = [
        ask(page, name, relay, {"X-API-Key": "nonsense"}, "{ __typename }", {}),
        ask(page, name, relay, MINE, "{ nothing }", {}),
        ask(page, name, relay, MINE, ONE, {"id": "y" * 200_000}),
    ]

    assert [(each["status"], each["codes"]) for each in responses] == [
        (401, ["UNAUTHENTICATED"]),
        (422, ["BAD_USER_INPUT"]),
        (413, ["BAD_REQUEST"]),
    ]
    assert gateway.sandbox.calls == []


@pytest.mark.parametrize("name", CLIENTS)
def test_a_listed_page_reads_when_to_come_back(
    browser: Chromium, origins: list[str], way: Way, name: str
) -> None:
    id, sandbox = ADA.clients()[0]["id"], Holding()

    with (
        serving(sandbox, way, cors_origins=(origins[0],), max_concurrent_requests=1) as served,
        recorder(served.port) as relay,
        served.connection() as slow,
    ):
        slow.send(post(ONE_OF % id.encode()))
        assert sandbox.called.wait(PATIENCE)
        for page in opened(browser, origins[0]):
            response = ask(page, name, relay, MINE, "{ __typename }", {})
        sandbox.released.set()

    assert response == {"codes": ["OVERLOADED"], "status": 503, "retryAfter": "1"}


@pytest.mark.parametrize(
    ("path", "init", "status"),
    [
        ("/graphql", {"method": "POST", "body": "{}"}, 415),
        ("/graphql", {"method": "POST", "headers": {"Content-Type": "application/json"}}, 400),
        ("/graphql", {"method": "DELETE"}, None),
        ("/graphql", {"headers": {"X-Requested-With": "page"}}, 400),
        ("/nowhere", {"method": "POST", "body": "{}"}, 404),
        ("/livez", {}, 200),
    ],
    ids=["no JSON", "no body", "a method not granted", "GET", "no such path", "health"],
)
def test_a_listed_page_reads_every_status(
    page: Page, relay: Recorder, path: str, init: dict[str, Any], status: int | None
) -> None:
    response = page.look(PLAIN, f"{relay.url}{path}", init)

    assert response.get("status") == status, response
    assert (response.get("refused") == "TypeError") is (status is None)
    assert bool(response.get("headers", {}).get("x-request-id")) is (status is not None)


HEADERS = (
    "apollographql-client-name",
    "apollographql-client-version",
    "baggage",
    "cache-control",
    "graphql-require-preflight",
    "if-none-match",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "x-apollo-operation-name",
    "x-requested-with",
)


def test_a_listed_page_may_send_what_clients_and_tracers_send(page: Page, relay: Recorder) -> None:
    headers = {"Content-Type": "application/json", **MINE, **dict.fromkeys(HEADERS, "x")}

    response = page.look(
        PLAIN,
        f"{relay.url}/graphql",
        {"method": "POST", "headers": headers, "body": '{"query":"{ __typename }"}'},
    )

    assert (response["status"], response["body"].startswith('{"data":{"__typename":"Query"}')) == (
        200,
        True,
    )
    sent = bytes(relay.heard[-1]).lower()
    assert [name for name in HEADERS if f"{name}: x".encode() not in sent] == []


@pytest.mark.parametrize("name", CLIENTS)
def test_a_listed_page_without_a_credential_acts_by_the_gateways_own(
    browser: Chromium, origins: list[str], way: Way, name: str
) -> None:
    row = ADA.clients()[0]
    sandbox = Sandbox()

    with (
        serving(sandbox, way, cors_origins=(origins[0],), api_key=ADA.api_key) as served,
        recorder(served.port) as relay,
    ):
        for page in opened(browser, origins[0]):
            response = ask(page, name, relay, {}, ONE, {"id": row["id"]})

    assert without_types(response) == {"data": {"client": {"id": row["id"], "email": row["email"]}}}
    assert b"api-key" not in b"".join(relay.heard).lower()


@pytest.mark.parametrize("name", CLIENTS)
def test_a_page_that_is_not_listed_gets_nothing_and_executes_nothing(
    stranger: Page, relay: Recorder, gateway: Serving, name: str
) -> None:
    response = ask(stranger, name, relay, MINE, NEW, OTTOLINE)

    assert response == {"refused": "TypeError"}
    assert relay.requests() == ["OPTIONS /graphql"]
    assert gateway.sandbox.calls == []


@pytest.mark.parametrize(
    "init",
    [
        {"method": "POST", "body": '{"query":"mutation { __typename }"}'},
        {"method": "POST", "body": '{"query":"{ __typename }"}', "mode": "no-cors"},
        {"method": "POST", "body": "query=%7B__typename%7D", "credentials": "include"},
        {"mode": "no-cors"},
    ],
    ids=["text", "opaque", "with cookies", "GET"],
)
def test_what_needs_no_preflight_executes_nothing_and_is_not_readable(
    stranger: Page, relay: Recorder, gateway: Serving, init: dict[str, Any]
) -> None:
    response = stranger.look(PLAIN, f"{relay.url}/graphql?query=%7B__typename%7D", init)

    assert response.get("refused", response.get("body")) in {"TypeError", ""}
    assert "OPTIONS /graphql" not in relay.requests()
    assert gateway.sandbox.calls == []


def test_a_listed_page_that_would_send_cookies_is_kept_from_it(
    page: Page, relay: Recorder, gateway: Serving
) -> None:
    headers = {"Content-Type": "application/json", **MINE}
    body = '{"query":"{ clients { totalCount } }"}'
    init = {"method": "POST", "headers": headers, "body": body, "credentials": "include"}

    response = page.look(PLAIN, f"{relay.url}/graphql", init)

    assert response == {"refused": "TypeError"}
    assert gateway.sandbox.calls == []


def without_types(value: Any) -> Any:
    """Without the `__typename` that caching clients add."""
    if isinstance(value, dict):
        return {name: without_types(each) for name, each in value.items() if name != "__typename"}
    return value
