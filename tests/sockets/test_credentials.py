"""Credentials as proxies and SDKs send them, at the socket and by both ways."""

import orjson
import pytest

from gateway.sandbox.users import DEMO, READER
from tests.serving import Serving, post

LIST = b'{"query":"{ clients(first: 2) { totalCount } }"}'


@pytest.mark.parametrize("name", ["authorization", "Authorization", "x-gateway-token", "x-api-key"])
@pytest.mark.parametrize("value", ["", " ", "\t "])
def test_a_header_without_a_value_beside_a_good_key_counts_as_not_sent(
    gateway: Serving, name: str, value: str
) -> None:
    with gateway.connection() as wire:
        answers = [wire.ask(post(LIST, f"{name}:{value}")) for _ in range(3)]

    for answer in answers:
        assert (answer.status, orjson.loads(answer.content)["data"]["clients"]) == (
            200,
            {"totalCount": 42},
        )


def test_a_key_without_a_value_is_no_credential(gateway: Serving) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(post(LIST, "x-api-key:", "authorization:", key=None))

    codes = [error["extensions"]["code"] for error in orjson.loads(answer.content)["errors"]]
    assert codes == ["UNAUTHENTICATED"]


def test_two_credentials_are_still_one_too_many(gateway: Serving) -> None:
    with gateway.connection() as wire:
        answer = wire.ask(post(LIST, f"x-api-key: {DEMO.api_key}"))

    assert answer.status == 401


def test_what_is_wrong_with_a_credential_is_reported_in_whole_sentences(gateway: Serving) -> None:
    expired = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.c2ln"
    with gateway.connection() as wire:
        messages = [
            orjson.loads(wire.ask(post(LIST, *lines, key=key)).content)["errors"][0]["message"]
            for key, lines in (
                (DEMO.api_key, [f"authorization: Bearer {expired}"]),
                (None, [f"authorization: Bearer {expired}"]),
                (None, ["authorization: Bearer secret"]),
                ("short", []),
                (None, []),
            )
        ]

    assert [message for message in messages if "[" in message] == []
    assert messages[1] == "The bearer token has expired: refresh it and ask again."


def test_each_request_of_a_connection_is_answered_to_its_own_caller(gateway: Serving) -> None:
    """As a proxy sends them, which shares its connections among callers."""
    keys = [DEMO.api_key, "f" * 64, DEMO.api_key, READER.api_key, "short", READER.api_key]
    shown = []
    with gateway.connection() as wire:
        for key in keys * 3:
            data = orjson.loads(wire.ask(post(LIST, key=key)).content).get("data")
            shown.append(data and data["clients"] and data["clients"]["totalCount"])

    assert shown == [42, None, 42, READER.rows, None, READER.rows] * 3
