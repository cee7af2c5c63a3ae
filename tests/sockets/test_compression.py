"""Answers compressed by gzip for whom it pays, remembered ones too, by both ways."""

import gzip
import hashlib

import orjson
import pytest

from gateway.sandbox.users import DEMO
from tests.serving import Answer, Serving, post

PAGE = "{ clients(first: 40) { edges { cursor node { id fullName email phone } } } }"
BODY = orjson.dumps({"query": PAGE})
SMALL = b'{"query":"{ clients(first: 2) { totalCount } }"}'
HASH = hashlib.sha256(PAGE.encode()).hexdigest()


def read(answer: Answer) -> tuple[str | None, dict[str, object]]:
    """How an answer is encoded, and its data."""
    coding = answer.headers.get("content-encoding")
    content = gzip.decompress(answer.content) if coding == "gzip" else answer.content
    data: dict[str, object] = orjson.loads(content)["data"]
    return coding, data


def test_the_content_is_the_same_compressed_and_not_remembered_or_not(gateway: Serving) -> None:
    with gateway.connection() as wire:
        plain = wire.ask(post(BODY, "cache-control: no-cache"))
        sent = post(BODY, "accept-encoding: gzip, deflate, br, zstd")
        answers = [wire.ask(sent) for _ in range(4)]
        again = wire.ask(post(BODY))

    assert [read(answer) for answer in answers] == [("gzip", read(plain)[1])] * 4
    assert read(again) == (None, read(plain)[1])
    for answer in answers:
        assert len(answer.content) * 2 < len(plain.content)
        assert orjson.loads(gzip.decompress(answer.content))["extensions"]["upstream"]["calls"] == 0
    for answer in (*answers, plain, again):
        assert "Accept-Encoding" in answer.headers["vary"].split(", ")


def test_what_is_remembered_is_encoded_for_each_that_asks(gateway: Serving) -> None:
    codings = ["gzip", None, "gzip", "br", "identity", "gzip;q=0", "*", None]
    with gateway.connection() as wire:
        for _ in range(3):
            wire.ask(post(BODY))
        seen = [
            read(wire.ask(post(BODY, *([f"accept-encoding: {coding}"] if coding else []))))[0]
            for coding in codings
        ]

    assert seen == ["gzip", None, "gzip", None, None, None, "gzip", None]


def test_small_answers_and_errors_are_not_compressed(gateway: Serving) -> None:
    with gateway.connection() as wire:
        answers = [wire.ask(post(body, "accept-encoding: gzip")) for body in (SMALL, SMALL, b"{")]

    assert ["content-encoding" in answer.headers for answer in answers] == [False] * 3


@pytest.mark.parametrize("body", [SMALL, b"{", BODY])
def test_all_is_compressed_for_who_excludes_anything_else(gateway: Serving, body: bytes) -> None:
    with gateway.connection() as wire:
        answers = [wire.ask(post(body, "accept-encoding: gzip, identity;q=0")) for _ in range(3)]

    for answer in answers:
        assert answer.headers["content-encoding"] == "gzip"
        assert orjson.loads(gzip.decompress(answer.content))


def test_a_client_that_takes_no_coding_of_ours_gets_406_before_anything_is_sent(
    gateway: Serving,
) -> None:
    before = len(gateway.sandbox.calls)
    with gateway.connection() as wire:
        answer = wire.ask(
            post(BODY, "accept-encoding: br, identity;q=0", "cache-control: no-cache")
        )

    assert answer.status == 406
    assert len(gateway.sandbox.calls) == before


def test_an_entity_tag_names_the_content_however_it_is_encoded(gateway: Serving) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}

    def get(*lines: str, method: str = "GET") -> bytes:
        head = (f"{method} /graphql?documentId={HASH} HTTP/1.1", "host: localhost")
        return "\r\n".join([*head, f"x-api-key: {DEMO.api_key}", *lines, "", ""]).encode()

    gzipped = "accept-encoding: gzip"
    with gateway.connection() as wire:
        wire.ask(post(orjson.dumps({"query": PAGE, "extensions": extensions})))
        plain, compressed = wire.ask(get()), wire.ask(get(gzipped))
        tag = f"if-none-match: {compressed.headers['etag']}"
        unchanged = [wire.ask(get(tag)), wire.ask(get(tag, gzipped))]
        wire.send(get(gzipped, method="HEAD"))
        head = wire.answer(head=True)

    assert (read(plain)[0], read(compressed)[0]) == (None, "gzip")
    assert plain.headers["etag"] == compressed.headers["etag"]
    assert plain.headers["etag"].startswith('W/"')
    for answer in unchanged:
        assert (answer.status, answer.content) == (304, b"")
        assert "content-encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["vary"].split(", ")
    assert (head.status, head.headers["content-encoding"]) == (200, "gzip")
