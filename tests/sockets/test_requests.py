"""Requests as clients write them: media types, codings, upgrades, paths, headers without end."""

import gzip
import zlib

import orjson
import pytest

from tests.serving import Serving, post

LIST = b'{"query":"{ clients(first: 2) { totalCount } }"}'
DATA = {"clients": {"totalCount": 42}}
GUARD = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def typed(content_type: str, body: bytes = LIST) -> bytes:
    return post(body).replace(b"application/json", content_type.encode("latin-1"))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json;",
        "application/json; ",
        "application/json ;charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json; charset=utf-8;",
        "application/json; odata=verbose",
        "application/json;odata=verbose;charset=utf-8",
        'application/json; profile="a;b, \\"c\\""; charset=utf-8',
        "Application/JSON; Charset=Utf-8",
    ],
)
def test_json_is_taken_however_its_type_is_written(gateway: Serving, content_type: str) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(typed(content_type))

    assert (answer.status, orjson.loads(answer.content).get("data")) == (200, DATA)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/jsonp",
        "application/json5; charset=utf-8",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "text/plain; application/json",
        "application/json, text/plain",
        "text/plain, application/json",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-7",
        'application/json; charset="utf-8',
        "application/json charset=utf-8",
        "application/json; =",
        "",
    ],
)
def test_anything_else_is_refused_with_the_accepted_types(
    gateway: Serving, content_type: str
) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(typed(content_type))

    assert (answer.status, answer.headers["accept"]) == (415, "application/json")
    assert orjson.loads(answer.content)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "identity"])
def test_a_compressed_body_is_taken(gateway: Serving, coding: str) -> None:
    body = LIST if coding == "identity" else gzip.compress(LIST)
    whole = post(body, f"content-encoding: {coding}")
    with gateway.connection() as wire:
        answers = [wire.ask(whole), wire.ask(whole[:-7], whole[-7:]), wire.ask(whole)]

    for answer in answers:
        assert (answer.status, orjson.loads(answer.content).get("data")) == (200, DATA)


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "x" * 2_000])
def test_another_coding_is_refused_with_the_accepted_one(gateway: Serving, coding: str) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(post(LIST, f"content-encoding: {coding}"))

    assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip, identity")


@pytest.mark.parametrize(
    "body",
    [
        LIST,
        b"",
        gzip.compress(LIST)[:-1],
        gzip.compress(LIST)[:-4] + b"\0\0\0\0",
        gzip.compress(LIST) + b"more",
        gzip.compress(LIST) + gzip.compress(LIST),
        zlib.compress(LIST),
    ],
    ids=["plain", "nothing", "cut", "wrong length", "more", "twice", "zlib"],
)
def test_what_is_no_whole_gzip_stream_is_refused(gateway: Serving, body: bytes) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(post(body, "content-encoding: gzip"))

    assert answer.status == 400


def test_a_bomb_is_refused_for_its_content(gateway: Serving) -> None:
    bomb = gzip.compress(LIST[:-1] + b" " * 50_000_000 + b"}", 9)
    assert len(bomb) < 131_072
    with gateway.connection() as wire:
        answer = wire.ask(post(bomb, "content-encoding: gzip"))

    assert (answer.status, b"at most 131072 bytes" in answer.content) == (413, True)


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: localhost", *headers, "", ""]).encode()


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (get("/nowhere"), 404, "NOT_FOUND"),
        (get("/graphql/"), 404, "NOT_FOUND"),
        (post(LIST, path="/graphql/"), 404, "NOT_FOUND"),
        (post(LIST, path="/graphql/a"), 404, "NOT_FOUND"),
        (get("/livez/"), 404, "NOT_FOUND"),
        (get("/graphiql"), 404, "NOT_FOUND"),
        (get("//evil.example/graphql"), 404, "NOT_FOUND"),
        (get("/docs"), 404, "NOT_FOUND"),
        (get("/openapi.json"), 404, "NOT_FOUND"),
        (get("/livez", method="DELETE"), 405, "BAD_REQUEST"),
        (get("/graphql", method="DELETE"), 405, "BAD_REQUEST"),
        (get("/graphql"), 400, "BAD_REQUEST"),
        (post(b"{"), 400, "BAD_REQUEST"),
        (post(LIST, key="short"), 401, "UNAUTHENTICATED"),
    ],
)
def test_every_refusal_has_our_headers_our_shape_and_its_names(
    gateway: Serving, request_: bytes, status: int, code: str
) -> None:
    named = request_.replace(b"\r\n\r\n", b"\r\nx-request-id: mine-1\r\n\r\n", 1)
    with gateway.connection() as wire:
        answer = wire.ask(named)

    assert (answer.status, answer.headers.get("location")) == (status, None)
    assert {name: answer.headers.get(name) for name in GUARD} == GUARD
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["traceparent"].startswith("00-")
    errors = orjson.loads(answer.content)["errors"]
    assert [error["extensions"] for error in errors] == [{"code": code, "requestId": "mine-1"}]
    if status == 405:
        assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/graphql", "*"])
def test_options_says_what_may_be_sent(gateway: Serving, path: str) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(get(path, method="OPTIONS"))

    assert (answer.status, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert {name: answer.headers.get(name) for name in GUARD} == GUARD


def test_health_has_them_too_and_answers_head(gateway: Serving) -> None:
    with gateway.connection() as wire:
        for path in ("/livez", "/readyz"):
            answer = wire.ask(get(path))
            wire.send(get(path, method="HEAD"))
            head = wire.answer(head=True)
            for each in (answer, head):
                assert each.status == 200
                assert {name: each.headers.get(name) for name in GUARD} == GUARD
                assert each.headers["x-request-id"]
            assert head.headers["content-length"] == answer.headers["content-length"]


def test_an_upgrade_to_something_else_is_referred_to_what_to_do_instead(gateway: Serving) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(get("/graphql", "connection: Upgrade", "upgrade: h2c"))

    assert answer.status == 400
    assert b"The only upgrade of a connection is to WebSocket" in answer.content
    assert answer.headers["x-request-id"]


LONG = 60_000


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("accept: " + "," * LONG, 200),
        ("accept: " + "a/b;q=0.1," * (LONG // 10), 200),
        ("accept: " + "a/b;" + "q=1;" * (LONG // 4), 200),
        ("accept-encoding: " + "," * LONG, 200),
        ("accept-encoding: " + "gzip;q=0.1," * (LONG // 11), 200),
        ("cache-control: " + "," * LONG, 200),
        ("cache-control: " + "max-age=1," * (LONG // 10), 200),
        ("if-none-match: " + ',"a"' * (LONG // 4), 200),
        ("traceparent: 01-" + "4" * LONG, 200),
        ("x-request-id: " + "a" * LONG, 200),
        ("origin: " + "a" * LONG, 200),
        ("authorization: Bearer " + "." * LONG, 401),
        ("authorization: Bearer " + "a." * (LONG // 2), 401),
        ("content-encoding: " + "," * LONG, 415),
        ("content-type: application/json" + ";" * LONG, 415),
        ("content-type: application/json;a=" + '"\\' * (LONG // 2), 415),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else str(value),
)
def test_no_header_costs_much_however_long_it_is(gateway: Serving, line: str, status: int) -> None:
    name = line.split(":", maxsplit=1)[0].encode()
    plain = post(LIST, key=None) if name == b"authorization" else post(LIST)
    kept = b"\r\n".join(each for each in plain.split(b"\r\n") if not each.startswith(name + b":"))
    sent = kept.replace(b"\r\n\r\n", b"\r\n" + line.encode() + b"\r\n\r\n", 1)
    with gateway.connection() as wire:
        wire.ask(post(LIST))
        answers = [wire.ask(sent) for _ in range(2)]

    assert [answer.status for answer in answers] == [status] * 2
