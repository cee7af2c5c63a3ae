import hashlib
import io
import logging
from collections.abc import Iterator

import orjson
import pytest

from gateway.logs import configure
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.serving import Way, serving
from tests.telemetry.samples import LIST, query


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, from errors on."""
    root = logging.getLogger()
    before, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    written = io.StringIO()
    configure(written, "error")
    yield written
    root.handlers[:], logging.raiseExceptions = before, raises
    root.setLevel(level)


def test_each_request_is_one_line_with_its_cost(way: Way, log: io.StringIO) -> None:
    with serving(Sandbox(), way, access_log=True) as gateway, gateway.connection() as wire:
        answers = [query(wire, LIST, f"x-request-id: r-{number}") for number in range(4)]
        answers.append(query(wire, "query Wrong { nope }", "x-request-id: r-4"))
    lines = [orjson.loads(line) for line in log.getvalue().splitlines()]

    assert [line["requestId"] for line in lines] == [f"r-{number}" for number in range(5)]
    assert [line["bytes"] for line in lines] == [len(answer.content) for answer in answers]
    assert [line["calls"] for line in lines] == [1, 0, 0, 0, 0]
    assert [line["saved"] for line in lines] == [0, 1, 1, 1, 0]
    assert [line["status"] for line in lines] == [200, 200, 200, 200, 422]
    assert [line["codes"] for line in lines] == [[], [], [], [], ["BAD_USER_INPUT"]]
    assert {line["operation"] for line in lines[:4]} == {"List"}
    digest = hashlib.sha256(LIST.encode()).hexdigest()
    assert {line["hash"] for line in lines[:4]} == {digest[:32]}
    assert {line["logger"] for line in lines} == {"gateway.access"}
    assert all(line["ms"] >= 0 for line in lines)


def test_a_line_holds_no_credential_variable_or_address(way: Way, log: io.StringIO) -> None:
    with serving(Sandbox(), way, access_log=True) as gateway, gateway.connection() as wire:
        document = "query Mail($id: ID!) { client(id: $id) { email } }"
        query(wire, document, "x-request-id: ada@example.com", variables={"id": "secret-id"})
        query(wire, f"query N{'f' * 64} {{ __typename }}")
    written = log.getvalue()

    assert len(written.splitlines()) == 2
    for secret in (DEMO.api_key, "ada@example.com", "secret-id", "f" * 64, "127.0.0.1"):
        assert secret not in written


def test_nothing_is_logged_of_requests_by_default(way: Way, log: io.StringIO) -> None:
    with serving(Sandbox(), way) as gateway, gateway.connection() as wire:
        query(wire, LIST)

    assert not log.getvalue()


@pytest.mark.parametrize(
    ("level", "messages"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_less_severe_messages_than_the_level_are_not_logged(
    level: str, messages: int, log: io.StringIO
) -> None:
    configure(log, level)
    for severity in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("gateway.some"), severity)("message")

    assert len(log.getvalue().splitlines()) == messages
