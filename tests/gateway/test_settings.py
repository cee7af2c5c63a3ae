"""What an operator sets is what happens."""

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import before

NAME = "query ($id: ID!) { client(id: $id) { firstName } }"
TWICE = "query ($id: ID!) { a: client(id: $id) { id } b: client(id: $id) { email } }"


async def test_without_the_cache_every_read_is_sent_again(sandbox: Sandbox) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]

    async with before(sandbox, cache=False) as gateway:
        for _ in range(2):
            await gateway.query(NAME, id=id)

    assert sandbox.calls == [f"GET /clients/{id}"] * 2


async def test_without_the_cache_one_operation_still_asks_once_for_one_client(
    sandbox: Sandbox,
) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]

    async with before(sandbox, cache=False) as gateway:
        await gateway.query(TWICE, id=id)

    assert sandbox.calls == [f"GET /clients/{id}"]


async def test_until_the_api_says_otherwise_the_window_is_as_large_as_the_operator_says(
    sandbox: Sandbox,
) -> None:
    one, other = (row["id"] for row in sandbox.rows_of(DEMO)[:2])

    async with before(sandbox, cache=False, upstream_rate_limit=1) as gateway:
        errors = await gateway.errors(
            "query ($a: ID!, $b: ID!) { a: client(id: $a) { id } b: client(id: $b) { id } }",
            a=one,
            b=other,
        )

    assert errors == [("b", "RATE_LIMITED")]
    assert sandbox.calls == [f"GET /clients/{one}"]
