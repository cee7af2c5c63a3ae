"""DNS rebinding: where a key acts for callers without proof, Host must name this machine."""

from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.serving import Way, post, serving

LIST = b'{"query":"{ clients(first: 2) { totalCount } }"}'
PATHS = ("/graphql", "/livez", "/readyz", "/graphiql/config.json", "/", "/nowhere")
OURS = ("localhost", "LOCALHOST:1", "localhost.:80", "127.0.0.1:8000", "[::1]", "[::1]:8000")
NOT_OURS = (
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example#localhost",
    "localhost@evil.example",
    "127.0.0.2",
    "[::1].evil.example",
    "::1",
    "localhost:80:80",
    "",
)


def called(host: str, request: bytes) -> bytes:
    return request.replace(b"host: localhost", b"host: " + host.encode())


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\n\r\n".encode()


def test_only_names_of_this_machine_are_answered_where_a_key_acts_without_proof(way: Way) -> None:
    sandbox = Sandbox()
    seen: dict[str, set[int]] = {}
    with serving(sandbox, way, api_key=DEMO.api_key, graphiql=True) as gateway:
        for host in (*OURS, *NOT_OURS):
            requests = [post(LIST, key=None), post(LIST), *map(get, PATHS)]
            seen[host] = set()
            for request in requests:
                with gateway.connection() as wire:
                    seen[host].add(wire.ask(called(host, request)).status)
        calls = list(sandbox.calls)

    assert [seen[host] & {421} for host in OURS] == [set()] * len(OURS)
    # An empty or malformed Host may be refused before, as no Host at all.
    assert [seen[host] <= {421, 400} for host in NOT_OURS] == [True] * len(NOT_OURS)
    assert calls == ["GET /clients?page=1&limit=1"]


def test_a_request_by_another_name_is_refused_and_costs_nothing(way: Way) -> None:
    sandbox = Sandbox()
    with serving(sandbox, way, api_key=DEMO.api_key) as gateway, gateway.connection() as wire:
        wire.ask(post(LIST, key=None))
        answer = wire.ask(called("evil.example", post(LIST, key=None)))

    assert answer.status == 421
    assert b'"code":"BAD_REQUEST"' in answer.content
    assert b"totalCount" not in answer.content
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_operator_adds_names(way: Way) -> None:
    hosts = ("Gateway.internal", "192.0.2.7")
    with serving(Sandbox(), way, api_key=DEMO.api_key, allowed_hosts=hosts) as gateway:
        seen = {}
        for host in ("gateway.internal", "gateway.internal:8000", "192.0.2.7", "a.example"):
            with gateway.connection() as wire:
                seen[host] = wire.ask(called(host, post(LIST, key=None))).status

    assert seen == {
        "gateway.internal": 200,
        "gateway.internal:8000": 200,
        "192.0.2.7": 200,
        "a.example": 421,
    }


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 200),
        ({"api_key": DEMO.api_key, "caller_token": "t" * 16}, 200),
        ({"allowed_hosts": ("gateway.internal",)}, 421),
    ],
    ids=["callers bring their own", "callers prove themselves", "names are configured"],
)
def test_any_name_is_answered_where_reaching_it_proves_nothing(
    way: Way, settings: dict[str, Any], status: int
) -> None:
    with serving(Sandbox(), way, **settings) as gateway, gateway.connection() as wire:
        answer = wire.ask(called("any.example", post(LIST)))

    assert answer.status == status
