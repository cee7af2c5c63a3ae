"""Where one request ends and the next begins, and what is no request: decided once, by the bytes.

RFC 9112, 2.2, 3, 5, 6 and 7.1; RFC 9110, 7.2, 7.8 and 10.1.1.
"""

import json
import re

import pytest

from gateway.sandbox.users import DEMO
from tests.serving import Answer, Serving, post

QUERY = b'{"query":"{ __typename }"}'
HOST = b"host: localhost\r\n"
JSON = b"content-type: application/json\r\nx-api-key: %b\r\n" % DEMO.api_key.encode()
LAST = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
LENGTH = b"content-length: %d\r\n" % len(QUERY)
CHUNKED = b"transfer-encoding: chunked\r\n"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUERY), QUERY)
UPGRADES = {
    "h2c": b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
    "close and h2c": b"connection: close, upgrade\r\nupgrade: h2c\r\n",
    "a WebSocket": b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
    "TLS": b"connection: upgrade\r\nupgrade: TLS/1.2, HTTP/1.1\r\n",
    "several": b"connection: upgrade\r\nupgrade: h2c\r\nupgrade: foo/2, bar\r\nconnection: x\r\n",
    "none named": b"connection: upgrade\r\n",
    "one not in Connection": b"upgrade: h2c\r\n",
}


def request(*lines: bytes, body: bytes = b"", first: bytes = b"POST /graphql HTTP/1.1") -> bytes:
    return b"".join([first, b"\r\n", *lines, b"\r\n", body])


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def refused(gateway: Serving, *pieces: bytes) -> Answer:
    """The only answer to these bytes, after which the gateway closes the connection."""
    with gateway.connection() as wire:
        answer = wire.ask(*pieces)
        assert wire.rest() == b""
    return answer


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize(
    "body", [(LENGTH, QUERY), (CHUNKED, CHUNKS)], ids=["Content-Length", "chunked"]
)
def test_an_upgrade_is_ignored_and_its_body_is_a_body_however_it_is_cut(
    gateway: Serving, upgrade: bytes, body: tuple[bytes, bytes]
) -> None:
    outgoing = request(HOST, JSON, upgrade, body[0], body=body[1])
    head = outgoing.index(b"\r\n\r\n")
    for cuts in (
        (),
        (head,),
        (head + 4,),
        (head + 2, head + 5),
        (10, head + 10),
        (len(outgoing) - 1,),
    ):
        pieces = [outgoing[a:b] for a, b in zip((0, *cuts), (*cuts, len(outgoing)), strict=True)]
        with gateway.connection() as wire:
            answer = wire.ask(*pieces)
            assert (answer.status, json.loads(answer.content)["data"]) == (
                200,
                {"__typename": "Query"},
            ), pieces
            if b"close" not in upgrade:
                assert wire.ask(LAST).status == 200
            assert wire.rest() == b""


def test_no_byte_of_an_upgrading_body_is_a_request(gateway: Serving) -> None:
    smuggled = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    for upgrade in UPGRADES.values():
        if b"close" in upgrade:
            continue
        length = b"content-length: %d\r\n" % len(smuggled)
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(smuggled), smuggled)
        for framing, body in ((length, smuggled), (CHUNKED, chunks)):
            head = request(HOST, JSON, upgrade, framing)
            for pieces in (
                [head + body + LAST],
                [head, body, LAST],
                [head + body[:9], body[9:] + LAST],
            ):
                assert statuses(gateway.exchange(*pieces)) == [400, 200]


def test_trailers_are_dropped_and_prove_no_caller(gateway: Serving) -> None:
    key = b"X-API-Key: %b\r\n" % DEMO.api_key.encode()
    plain = b"content-type: application/json\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(QUERY), QUERY, key)
    listing = b'{"query":"{ clients(first: 1) { totalCount } }"}'
    stranger = request(HOST, plain, b"content-length: %d\r\n" % len(listing), body=listing)

    for pieces in (
        (request(HOST, plain, CHUNKED, body=chunks), stranger),
        (request(HOST, plain, CHUNKED, body=chunks) + stranger,),
    ):
        with gateway.connection() as wire:
            wire.send(*pieces)
            first, second = wire.answer(), wire.answer()

        assert first.status == 200
        assert json.loads(second.content)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_an_empty_line_before_a_request_is_none(gateway: Serving) -> None:
    with gateway.connection() as wire:
        for _ in range(2):
            assert wire.ask(b"\r\n\r\n" + post(QUERY)).status == 200


def test_who_expects_to_go_on_is_let_and_who_sends_too_much_is_not(gateway: Serving) -> None:
    expects = b"expect: 100-Continue\r\n"
    with gateway.connection() as wire:
        interim = wire.ask(request(HOST, JSON, expects, LENGTH))
        final = wire.ask(QUERY)
        assert (interim.status, final.status) == (100, 200)
        # A client that does not wait gets no 100 Continue.
        assert wire.ask(request(HOST, JSON, expects, LENGTH, body=QUERY)).status == 200
        assert wire.ask(request(HOST, JSON, expects, CHUNKED, body=CHUNKS)).status == 200

    large = refused(gateway, request(HOST, JSON, expects, b"content-length: 9999999\r\n"))
    assert large.status == 413


def test_http_1_0_needs_no_host_and_is_closed(gateway: Serving) -> None:
    old = request(JSON, LENGTH, body=QUERY, first=b"POST /graphql HTTP/1.0")
    keeps = request(JSON, LENGTH, b"connection: keep-alive\r\n", body=QUERY).replace(
        b"HTTP/1.1", b"HTTP/1.0"
    )
    expects = request(JSON, LENGTH, b"expect: 100-continue\r\n", body=QUERY).replace(
        b"HTTP/1.1", b"HTTP/1.0"
    )

    for outgoing in (old, keeps, expects):
        assert statuses(gateway.exchange(outgoing + LAST)) == [200]


def test_after_close_nothing_is_a_request(gateway: Serving) -> None:
    assert statuses(gateway.exchange(LAST + LAST)) == [200]
    closing = request(HOST, JSON, LENGTH, b"connection: close\r\n", body=QUERY)
    assert statuses(gateway.exchange(closing + LAST, LAST)) == [200]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://localhost/livez", 200),
        (b"HTTP://localhost:80/livez?x", 200),
        (b"http://localhost", 404),
        (b"/%6civez", 200),
        (b"//livez", 404),
        (b"/livez/", 404),
        (b"/livez%2F", 404),
        (b"/%00", 404),
        (b"/%", 404),
        (b"/livez#there", 400),
        (b"http://localhost/livez#there", 400),
        (b"http://user@localhost/livez", 400),
        (b"http:///livez", 400),
        (b"ftp://localhost/livez", 400),
        (b"livez", 400),
        (b"*", 400),
        (b"/liv\xc3\xa9z", 400),
        (b"/" + b"x" * 9_000, 414),
    ],
)
def test_a_target_is_a_path_in_any_form_that_a_server_takes(
    gateway: Serving, target: bytes, status: int
) -> None:
    outgoing = request(HOST, b"connection: close\r\n", first=b"GET " + target + b" HTTP/1.1")

    assert statuses(gateway.exchange(outgoing)) == [status]


def test_a_target_in_absolute_form_is_answered_as_one_in_origin_form(gateway: Serving) -> None:
    with gateway.connection() as wire:
        answers = [
            wire.ask(post(QUERY, path=path)) for path in ("/graphql", "http://other.test/graphql")
        ]

    assert [answer.content for answer in answers] == [answers[0].content] * 2


POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
MALFORMED = {
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
    "an empty Host": (b"GET / HTTP/1.1\r\nhost:\r\n\r\n", 400),
    "a Host with a path": (b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
    "a Host with a user": (b"GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", 400),
    "two hosts in one Host": (b"GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", 400),
    "a Host with a strange port": (b"GET / HTTP/1.1\r\nhost: a:b\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nhost: a\n\n", 400),
    "one bare LF": (b"GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", 400),
    "bare CR": (b"GET / HTTP/1.1\r\nhost: a\r\nx: y\rz\r\n\r\n", 400),
    "NUL": (b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", 400),
    "obs-fold": (b"GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n", 400),
    "a folded first line": (b"GET / HTTP/1.1\r\n host: a\r\n\r\n", 400),
    "a space before a colon": (b"GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\nhost: a\r\nxy\r\n\r\n", 400),
    "no name": (b"GET / HTTP/1.1\r\nhost: a\r\n: y\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a space at the end": (b"GET / HTTP/1.1 \r\nhost: a\r\n\r\n", 400),
    "no version": (b"GET /\r\nhost: a\r\n\r\n", 400),
    "HTTP/0.9": (b"GET / HTTP/0.9\r\n\r\n", 505),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "a method of ours": (b"BREW / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
    "a method in lower case": (b"get / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", 405),
    "two lengths": (POST + b"content-length: 1\r\ncontent-length: 1\r\n\r\na", 400),
    "a list of lengths": (POST + b"content-length: 1, 1\r\n\r\na", 400),
    "a signed length": (POST + b"content-length: +1\r\n\r\na", 400),
    "no length": (POST + b"content-length:\r\n\r\na", 400),
    "a length in hex": (POST + b"content-length: 0x1\r\n\r\na", 400),
    "an endless length": (POST + b"content-length: 18446744073709551617\r\n\r\na", 400),
    "a large length": (POST + b"content-length: 99999999\r\n\r\na", 413),
    "both lengths": (
        POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
} | {
    f"Transfer-Encoding: {coding.decode()!r}": (
        POST + b"transfer-encoding: %b\r\n\r\n0\r\n\r\n" % coding,
        status,
    )
    for coding, status in (
        (b"gzip, chunked", 501),
        (b"chunked, gzip", 400),
        (b"chunked, chunked", 400),
        (b"identity", 400),
        (b"xchunked", 400),
        (b"chunked;q=1", 400),
        (b"\x0bchunked", 400),
        (b"chunked\r\ntransfer-encoding: chunked", 400),
        (b"", 400),
    )
} | {
    f"the chunk {chunk!r}": (
        POST + b"transfer-encoding: chunked\r\n\r\n" + chunk,
        400,
    )
    for chunk in (
        b"1\na\r\n0\r\n\r\n",
        b"1\r\nab\r\n0\r\n\r\n",
        b"1\r\na0\r\n\r\n",
        b"0x1\r\na\r\n0\r\n\r\n",
        b"+1\r\na\r\n0\r\n\r\n",
        b"-1\r\na\r\n0\r\n\r\n",
        b"1 \r\na\r\n0\r\n\r\n",
        b" 1\r\na\r\n0\r\n\r\n",
        b"1;\0\r\na\r\n0\r\n\r\n",
        b"10000000000000001\r\na\r\n0\r\n\r\n",
        b"0\r\na b: c\r\n\r\n",
        b"0\r\na: b\n\r\n",
        b"0\n\n",
        b"\r\n0\r\n\r\n",
    )
}  # fmt: skip


@pytest.mark.parametrize(("raw", "status"), MALFORMED.values(), ids=MALFORMED)
def test_what_can_be_read_in_two_ways_is_read_in_none(
    gateway: Serving, raw: bytes, status: int
) -> None:
    for pieces in ((raw,), (raw[: len(raw) // 2], raw[len(raw) // 2 :])):
        answer = refused(gateway, *pieces)

        assert answer.status == status, pieces
        error = json.loads(answer.content)["errors"][0]
        assert error["extensions"] == {
            "code": "BAD_REQUEST",
            "requestId": answer.headers["x-request-id"],
        }
        assert {name: answer.headers[name] for name in ("connection", "cache-control")} == {
            "connection": "close",
            "cache-control": "no-store",
        }
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert {"date", "traceparent", "vary"} <= set(answer.headers)
    assert gateway.sandbox.calls == []


def test_what_can_only_be_malformed_is_refused_before_it_ends(gateway: Serving) -> None:
    for beginning in (b"GET / HTTP/1.1\n", b"\x16\x03\x01", b" GET", b"GET /" + b"x" * 20_000):
        assert statuses(gateway.exchange(beginning)) in ([400], [414])


@pytest.mark.parametrize(
    "head",
    [
        [b"x: " + b"y" * 70_000],
        [b"x: %by" % (b" " * 70_000)],
        [b"x%d: %b" % (number, b"y" * 700) for number in range(99)],
        [b"x%d:" % number for number in range(101)],
    ],
    ids=["one header", "nothing", "many", "101 headers"],
)
def test_a_head_that_is_too_large_is_refused_however_it_comes(
    gateway: Serving, head: list[bytes]
) -> None:
    raw = request(HOST, *[line + b"\r\n" for line in head], first=b"GET /livez HTTP/1.1")

    for before in (b"", post(QUERY)):
        answers = gateway.exchange(before + raw)
        assert statuses(answers)[-1] == 431
        assert statuses(gateway.exchange(before + raw[:1_000], raw[1_000:]))[-1] == 431


def test_a_hundred_headers_are_taken(gateway: Serving) -> None:
    many = [b"x%d: y\r\n" % number for number in range(98)]
    raw = request(HOST, b"connection: close\r\n", *many, first=b"GET /livez HTTP/1.1")

    assert statuses(gateway.exchange(raw)) == [200]


@pytest.mark.parametrize(
    "piece",
    [b"a: b\r\n", b"1\r\n{\r\n", b"1;%b\r\n{\r\n" % (b"x" * 1_000), b"4\r\n\r\n\r\n\r\n"],
    ids=["trailers", "chunks of a byte", "chunk extensions", "chunks of empty lines"],
)
def test_what_frames_a_body_is_bounded_with_the_head(gateway: Serving, piece: bytes) -> None:
    first = b"0\r\n" if piece == b"a: b\r\n" else b""
    raw = request(HOST, JSON, CHUNKED, body=first + piece * (120_000 // len(piece) + 20_000))

    assert statuses(gateway.exchange(raw)) == [431]


def test_a_body_is_read_on_a_little_beyond_what_is_taken(gateway: Serving) -> None:
    large = b" " * 1_000_000
    for framing, body in (
        (b"content-length: %d\r\n" % len(large), large),
        (CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large)),
    ):
        assert statuses(gateway.exchange(request(HOST, JSON, framing, body=body) + LAST)) == [
            413,
            200,
        ]
    small = b"3a\r\n%b\r\n" % (b" " * 58)  # whose framing passes its bound after the body does
    assert statuses(gateway.exchange(request(HOST, JSON, CHUNKED, body=small * 4_000))) == [413]
    endless = request(HOST, JSON, CHUNKED, body=b"%x\r\n%b\r\n" % (len(large), large) * 2)
    assert statuses(gateway.exchange(endless)) == [413]
