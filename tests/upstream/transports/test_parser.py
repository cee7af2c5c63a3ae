"""Answers as they come off a connection: what is one, where it ends, and what is too much."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.transport.errors import RemoteProtocolError, ResponseTooLarge
from gateway.transport.messages import Headers
from gateway.transport.parser import ResponseParser
from gateway.transport.rate_limit_headers import parse_rate_limit, retry_after

OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"Content-Length: 2\r\n\r\n{}"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
HEAD_BYTES, BODY_BYTES = 4096, 1000


@dataclass
class Read:
    """What became of an answer."""

    status: int
    body: bytes
    kept: float = 30.0
    ended: bool = False
    """Whether it took the end of the connection to end it."""


def read(sent: bytes, *, method: str = "GET", step: int = 1_000_000) -> Read | None:
    """The answer in `sent`, which came in pieces of `step` bytes; None if it is not whole."""
    answers = ResponseParser(HEAD_BYTES, BODY_BYTES)
    answers.begin(method)
    whole = any(answers.feed(piece) for piece in pieces(sent, step))
    if whole or answers.end():
        answer = answers.take()
        return Read(answer.status_code, answer.content, answers.keep_alive_seconds, ended=not whole)
    return None


def pieces(sent: bytes, step: int) -> Iterator[bytes]:
    return (sent[begin : begin + step] for begin in range(0, len(sent), step))


ANSWERS = {
    "with a length": (OK + TWO, Read(200, b"{}")),
    "with no reason": (b"HTTP/1.1 200\r\n" + TWO, Read(200, b"{}")),
    "with space about its length": (OK + b"Content-Length:  2 \t\r\n\r\n{}", Read(200, b"{}")),
    "with nothing in it": (OK + b"Content-Length: 0\r\n\r\n", Read(200, b"")),
    "in chunks": (OK + CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", Read(200, b"{}")),
    "in chunks with extensions": (OK + CHUNKED + b"2;a=b\r\n{}\r\n0\r\n\r\n", Read(200, b"{}")),
    "in chunks with trailers": (OK + CHUNKED + b"2\r\n{}\r\n0\r\nA: b\r\n\r\n", Read(200, b"{}")),
    "as long as the connection": (OK + b"\r\n{}", Read(200, b"{}", kept=0.0, ended=True)),
    "after hints": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK + TWO,
        Read(200, b"{}"),
    ),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", Read(204, b"")),
    "that is not modified": (b"HTTP/1.1 304 So\r\nContent-Length: 2\r\n\r\n", Read(304, b"")),
    "that closes": (OK + b"Connection: close\r\n" + TWO, Read(200, b"{}", kept=0.0)),
    "that keeps for five seconds": (
        OK + b"Keep-Alive: timeout=5, max=9\r\n" + TWO,
        Read(200, b"{}", kept=4.0),
    ),
    "that keeps for an hour": (OK + b"Keep-Alive: timeout=3600\r\n" + TWO, Read(200, b"{}")),
    "that keeps for no time": (
        OK + b"Keep-Alive: timeout=0\r\n" + TWO,
        Read(200, b"{}", kept=0.0),
    ),
    "of an old server": (b"HTTP/1.0 200 OK\r\n" + TWO, Read(200, b"{}", kept=0.0)),
    "of an old server that keeps": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + TWO,
        Read(200, b"{}"),
    ),
}


@pytest.mark.parametrize("step", [1, 7, 1_000_000])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read(name: str, step: int) -> None:
    sent, answer = ANSWERS[name]

    assert read(sent, step=step) == answer


@pytest.mark.parametrize("name", ANSWERS)
def test_a_part_of_an_answer_is_none(name: str) -> None:
    sent, answer = ANSWERS[name]
    wholes = [read(sent[:length]) for length in range(len(sent))]

    # One that lasts as long as the connection cannot be distinguished from a part of it.
    assert [whole for whole in wholes if whole is not None and not answer.ended] == []


@pytest.mark.parametrize("step", [1, 1_000_000])
@pytest.mark.parametrize(
    "sent",
    [
        OK + b"Content-Length: 2\r\n" + CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n" + TWO,
        OK + b"Content-Length: 2\r\n" + TWO,
        *(
            OK + b"Content-Length: " + length + b"\r\n\r\n{}"
            for length in (b"", b"2, 2", b"+2", b"-2", b"0x2", b"1\r\n 2", b"2 2", b"9" * 30)
        ),
        *(
            OK + b"Transfer-Encoding: " + coding + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
            for coding in (b"identity", b"gzip, chunked", b"chunked, gzip", b"chunked\xe9")
        ),
        OK + b"Transfer-Encoding: chunked\r\n" + CHUNKED + b"0\r\n\r\n",
        OK + CHUNKED + b"zz\r\n",
        OK + CHUNKED + b"0x2\r\n{}\r\n",
        OK + CHUNKED + b"2\n{}\r\n",
        OK + CHUNKED + b"2\r\n{}0\r\n\r\n",
        OK + CHUNKED + b"f" * 17 + b"\r\n{}",
        OK + b"A: a\r\n b\r\n" + TWO,
        OK + b"A: a\rb\r\n" + TWO,
        OK + b"A: a\x00b\r\n" + TWO,
        OK + b"A: a\x7fb\r\n" + TWO,
        OK + b"A B: a\r\n" + TWO,
        OK + b"Content-Length : 2\r\n\r\n{}",
        OK + b"nonsense\r\n" + TWO,
        OK + b": a\r\n" + TWO,
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
        b"HTTP/2.0 200 OK\r\n" + TWO,
        b"HTTP/0.9 200 OK\r\n" + TWO,
        b"HTTP/1.1 20 OK\r\n" + TWO,
        b"HTTP/1.1 099 OK\r\n" + TWO,
        b"HTTP/1.1 1000 OK\r\n" + TWO,
        b"HTTP/1.1 101 Go\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n{}",
        b"ICY 200 OK\r\n" + TWO,
        b"GET / HTTP/1.1\r\n\r\n",
        b"{}" + OK + TWO,
        b"hello\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_no_answer(sent: bytes, step: int) -> None:
    with pytest.raises(RemoteProtocolError) as flaw:
        read(sent, step=step)

    assert flaw.value.__cause__ is None


@pytest.mark.parametrize(
    "more", [b"{}", b"\x00", OK + b"Content-Length: 2\r\n\r\n[]", b"\r\nGET / HTTP/1.1\r\n"]
)
@pytest.mark.parametrize("closes", [b"", b"Connection: close\r\n"])
def test_more_than_was_requested_is_left_unread_and_ends_the_connection(
    more: bytes, closes: bytes
) -> None:
    assert read(OK + closes + TWO + more) == Read(200, b"{}", kept=0.0)


@pytest.mark.parametrize(
    "sent", [b"Content-Length: 2\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_connection_that_spoke_of_a_body_where_none_is_read_is_not_kept(sent: bytes) -> None:
    assert read(b"HTTP/1.1 204 No Content\r\n" + sent) == Read(204, b"", kept=0.0)
    assert read(OK + sent, method="HEAD") == Read(200, b"", kept=0.0)


def test_a_second_answer_is_read_as_the_first_was() -> None:
    answers = ResponseParser(HEAD_BYTES, BODY_BYTES)
    read = []
    for sent in (OK + b"A: a\r\n" + TWO, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"):
        answers.begin("GET")
        assert answers.feed(sent)
        answer = answers.take()
        read.append((answer.status_code, answer.headers.fields, answer.content))

    assert read == [
        (200, [(b"a", b"a"), (b"content-length", b"2")], b"{}"),
        (404, [(b"content-length", b"0")], b""),
    ]


@pytest.mark.parametrize("step", [1, 100, 1_000_000])
@pytest.mark.parametrize(
    "sent",
    [
        OK + b"Content-Length: 1001\r\n\r\n",
        OK + CHUNKED + b"3e9\r\n" + b"a" * 1001,
        OK + b"\r\n" + b"a" * 1001,
        OK + CHUNKED + b"1;b=c\r\na\r\n" * 900,
        OK + CHUNKED + b"1;" + b"a" * 10_000,
        OK + CHUNKED + b"0\r\nA: " + b"a" * 10_000,
        OK + b"A: " + b"a" * HEAD_BYTES + b"\r\n" + TWO,
        OK + b"A: " + b"a" * HEAD_BYTES * 2,
        OK + b"A" * HEAD_BYTES * 2,
        OK + b"A: a\r\n" * 120 + TWO,
        b"HTTP/1.1 200 " + b"O" * HEAD_BYTES * 2,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
    ],
)
def test_too_much_is_not_read_to_its_end(sent: bytes, step: int) -> None:
    with pytest.raises(ResponseTooLarge):
        read(sent, step=step)


@pytest.mark.parametrize("step", [1, 1_000_000])
def test_as_much_as_is_allowed_is_read(step: int) -> None:
    body = b"a" * BODY_BYTES
    head = b"A: " + b"a" * 3900 + b"\r\n"

    assert read(OK + head + b"Content-Length: 1000\r\n\r\n" + body, step=step) == Read(200, body)
    assert read(OK + CHUNKED + b"3e8\r\n" + body + b"\r\n0\r\n\r\n", step=step) == Read(200, body)


def test_names_are_made_small_and_what_is_no_text_or_speaks_of_compression_is_left_out() -> None:
    answers = ResponseParser(HEAD_BYTES, BODY_BYTES)
    answers.begin("GET")
    sent = OK + b"X-A: caf\xe9\r\nX-B: b \r\nContent-Encoding: gzip\r\nX-B:\r\n" + TWO

    assert answers.feed(sent)
    answer = answers.take()
    assert answer.headers.fields == [(b"x-b", b"b"), (b"x-b", b""), (b"content-length", b"2")]
    assert (answer.status_code, answer.content) == (200, b"{}")


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        (b"RateLimit-Remaining: 3\r\nRetry-After: 5\r\n", True),
        (b"ratelimit-remaining:   3\r\nContent-Encoding: gzip\r\n", True),
        (b"RateLimit-Remaining: 3 \t\r\n", False),
        (b"RateLimit-Remaining: 3\r\nRateLimit-Remaining: 3\r\n", False),
        (b"RateLimit-Remaining: 3\r\nratelimit-remaining: 4\r\n", False),
        (b"RateLimit-Remaining: 3\r\nX-A: caf\xe9\r\n", False),
        (b"RateLimit-Remaining: \xb2\r\n", False),
    ],
)
def test_a_look_up_by_name_finds_what_a_look_at_each_header_finds(
    sent: bytes, *, known: bool
) -> None:
    answers = ResponseParser(HEAD_BYTES, BODY_BYTES)
    answers.begin("GET")
    answers.feed(OK + sent + TWO)
    ours = answers.take().headers
    theirs = Headers(ours.fields)

    assert (parse_rate_limit(ours), retry_after(ours)) == (
        parse_rate_limit(theirs),
        retry_after(theirs),
    )
    assert ours.by_name == (dict(ours.fields) if known else None)
