"""A head that differs only in values that need no parsing is read as the strict parser reads it."""

import gc
import re

import pytest

from gateway.server.http1.limits import ConnectionLimits
from gateway.server.http1.reader import RequestReader
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import Headers
from gateway.web.protocol.known_heads import READ, KnownHeads

KEY, OTHER_KEY = b"0" * 64, b"1" * 64
HEAD = b"\r\n".join(
    (
        b"POST /graphql HTTP/1.1",
        b"Host: localhost",
        b"Connection: keep-alive",
        b"Content-Length: 13",
        b"X-API-Key: " + KEY,
        b"User-Agent: Browser/1.0 (a: b)",
        b"Content-Type: application/json",
        b"Accept: */*",
        b"Accept-Encoding: gzip, br",
        b"Origin: https://app.example",
        b"traceparent: 00-" + b"4b" * 16 + b"-" + b"b7" * 8 + b"-01",
        b"",
        b"",
    )
)
BODY = b'{"query":"x"}'


def parsed(head: bytes, body: bytes = BODY) -> Headers:
    """What the strict parser makes of it."""
    reader = RequestReader(ConnectionLimits())
    reader.feed(head + body)
    request = reader.next()
    assert request is not None
    return request.headers


@pytest.fixture
def heads() -> KnownHeads:
    heads = KnownHeads()
    heads.remember(HEAD, parsed(HEAD))
    return heads


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b""),
        (KEY, OTHER_KEY),
        (b"Browser/1.0", b"Other: 2"),
        (b"//app.example", b"//other.example"),
        (b"4b4b", b"5c5c"),
        (b": https", b":   https"),
        (b"example\r", b"example  \r"),
        (b"https://app.example", b""),
        (KEY, b""),
    ],
)
def test_what_may_differ_is_read_as_the_parser_reads_it(
    heads: KnownHeads, old: bytes, new: bytes
) -> None:
    sent = HEAD.replace(old, new)

    found = heads.find(sent, len(BODY), None)

    wanted = RequestHead(header for header in parsed(sent) if header[0] in READ)
    assert found is not None
    assert found.headers == wanted.headers
    assert all(getattr(found, name) == getattr(wanted, name) for name in RequestHead.__slots__)


def test_the_length_of_the_body_may_differ(heads: KnownHeads) -> None:
    assert heads.find(HEAD.replace(b": 13", b": 7"), 7, None) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b": 13", b": 14"),
        (b": 13", b": 013"),
        (b": 13", b": +13"),
        (b": 13", b": 1_3"),
        (b": 13", b":13"),
        (b": 13", b": 13 "),
        (b"User-Agent:", b"User-Agent"),
        (b"User-Agent:", b"User-Agent :"),
        (b"User-Agent: ", b" "),
        (b"User-Agent", b"Transfer-Encoding"),
        (b"User-Agent", b"Origin"),
        (b"Browser", b"Brow\x00ser"),
        (b"Browser", b"Brow\nX: y"),
        (b"Browser", b"Brow\rX: y"),
        (b"Browser", b"Brow\r\n folded"),
        (b"Browser", b"Brow\r\nX: y"),
        (b"Browser", b"Brow\tser"),
        (b"Browser", b"Brow\xe9ser"),
        (b"keep-alive", b"close"),
        (b"localhost", b"other"),
        (b"*/*", b"text/html"),
        (b"gzip, br", b"identity;q=0"),
        (b"application/json", b"text/plain"),
        (b"POST", b"PUT"),
        (b"/graphql", b"/graphql?"),
        (b"1.1", b"1.0"),
        (
            b"Host: localhost\r\nConnection: keep-alive",
            b"Connection: keep-alive\r\nHost: localhost",
        ),
        (b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
    ],
)
def test_a_head_that_differs_otherwise_is_left_to_the_parser(
    heads: KnownHeads, old: bytes, new: bytes
) -> None:
    assert old in HEAD
    assert heads.find(HEAD.replace(old, new), len(BODY), None) is None


@pytest.mark.parametrize(
    "twice", [b"X-API-Key: " + KEY, b"Origin: https://app.example", b"traceparent: x"]
)
def test_a_head_that_has_twice_what_is_read_is_not_known(twice: bytes) -> None:
    heads, head = KnownHeads(), HEAD.replace(b"\r\n\r\n", b"\r\n" + twice + b"\r\n\r\n")
    heads.remember(head, parsed(head))

    assert heads.find(head, len(BODY), None) is None


def test_a_caller_is_that_of_the_last_head_with_equal_credentials_only(heads: KnownHeads) -> None:
    first = heads.find(HEAD, len(BODY), None)
    again = heads.find(HEAD.replace(b"4b4b", b"5c5c"), len(BODY), first)
    other = heads.find(HEAD.replace(KEY, OTHER_KEY), len(BODY), again)

    assert first is not None
    assert again is not None
    assert other is not None
    assert again.known_caller(first.headers) is first.known_caller(again.headers)
    assert other.known_caller(other.headers) is not first.known_caller(first.headers)


def test_neither_a_credential_nor_an_unread_value_is_kept(heads: KnownHeads) -> None:
    heads.find(HEAD.replace(KEY, OTHER_KEY), len(BODY), None)

    kept = b"\n".join(reachable(heads))
    assert b"application/json" in kept
    assert not re.search(rb"0{64}|1{64}|Browser|4b4b|app\.example", kept)


def reachable(held: object) -> list[bytes]:
    """All bytes that an object holds, however deep."""
    seen, todo = dict[int, object](), [held]
    while todo:
        each = todo.pop()
        if id(each) not in seen and not isinstance(each, type):
            seen[id(each)] = each
            todo += gc.get_referents(each)
    return [each for each in seen.values() if isinstance(each, bytes)]


def test_only_so_many_are_kept_and_the_newest_of_them() -> None:
    heads = KnownHeads()
    for number in range(2_000):
        head = HEAD.replace(b"localhost", b"host%d" % (number % 50))
        head = head.replace(b"\r\n\r\n", b"\r\nX: y" * (number % 60) + b"\r\n\r\n")
        heads.remember(head, parsed(head))

    assert heads.find(head, len(BODY), None) is not None
    assert sum(b"host" in each for each in reachable(heads)) <= 32 * 8
