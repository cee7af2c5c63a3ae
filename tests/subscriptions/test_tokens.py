"""A token reads what other tokens of its user read only while the API has lately accepted it."""

import asyncio

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA
from gateway.subscriptions.reauthentication import current_caller, is_expired
from schema.source.request_context import Caller, Credential
from tests.subscriptions.conftest import ANY_CHANGED, CHANGED, World

REVOKED = '{"success":false,"error":{"code":"UNAUTHORIZED","message":"revoked"}}'
NEVER = 4_102_444_800
TOKENS = [ADA.token_until(NEVER, jti=number) for number in "12"]
CREDENTIAL = Credential("Authorization", "Bearer x")
OF_USER = Caller("user", CREDENTIAL, token="token", expires_at=10.0)
ALONE = Caller("token", CREDENTIAL, claimed="user", expires_at=10.0)
BY_KEY = Caller("key", CREDENTIAL)


def facts(caller: Caller) -> tuple[str, str | None, str | None, str]:
    return caller.partition, caller.token, caller.claimed, caller.hash


@pytest.mark.parametrize("caller", [OF_USER, ALONE])
def test_a_token_has_its_users_partition_while_it_is_proven(caller: Caller) -> None:
    assert facts(current_caller(caller, lambda one: one == "token")) == facts(OF_USER)
    assert facts(current_caller(caller, lambda _: False)) == facts(ALONE)
    assert current_caller(BY_KEY, lambda _: False) is BY_KEY


def test_a_token_expires() -> None:
    assert [is_expired(each, 10.0) for each in (OF_USER, ALONE, BY_KEY)] == [True, True, False]
    assert not is_expired(OF_USER, 9.9)


@pytest.mark.anyio
async def test_tokens_of_one_user_share_a_reading_for_five_minutes_and_then_prove_themselves(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    read = f"GET /clients/{id}"
    for token in TOKENS:
        await _prove(gateway, token)
    sandbox.calls.clear()
    async with (
        gateway.subscribed(CHANGED, token=TOKENS[0], id=id) as one,
        gateway.subscribed(CHANGED, token=TOKENS[1], id=id) as two,
        gateway.subscribed(ANY_CHANGED, token=TOKENS[1]) as three,
    ):
        for number, reads in enumerate((1, 2, 1)):
            await gateway.change(id, email=f"change{number}@example.com")
            await gateway.hint("client.updated", id, at=number)
            await asyncio.sleep(4)
            assert sandbox.calls == [read] * reads
            sandbox.calls.clear()
            if not number:
                await asyncio.sleep(400)

        for stream in (one, two, three):
            emails = [client["email"] for _, client in stream.changes]
            assert emails == [f"change{number}@example.com" for number in range(3)]


@pytest.mark.anyio
async def test_a_token_that_proves_itself_misses_no_change_that_waits(
    gateway: World, sandbox: Sandbox
) -> None:
    ids = [row["id"] for row in sandbox.rows_of(ADA)[:2]]
    await _prove(gateway, TOKENS[0])
    async with gateway.subscribed(ANY_CHANGED, token=TOKENS[0]) as stream:
        await asyncio.sleep(400)
        for number, id in enumerate(ids):
            await gateway.change(id, email=f"change{number}@example.com")
            await gateway.hint("client.updated", id, at=number)
            await asyncio.sleep(0.5)
        await asyncio.sleep(5)

        emails = [client["email"] for _, client in stream.changes]
        assert emails == ["change0@example.com", "change1@example.com"]


@pytest.mark.anyio
async def test_only_the_token_that_the_api_refused_loses_its_subscription(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    for token in TOKENS:
        await _prove(gateway, token)
    async with gateway.subscribed(CHANGED, token=TOKENS[0], id=id) as refused:
        sandbox.fail(Fault(status=401, body=REVOKED, latency=2.0, instead=True))
        await gateway.hint("client.updated", id)
        await asyncio.sleep(2)  # it is being read
        async with gateway.subscribed(CHANGED, token=TOKENS[1], id=id) as other:
            sandbox.fail()
            await asyncio.sleep(5)

            assert (refused.is_complete, other.is_complete) == (True, False)


@pytest.mark.anyio
async def test_a_stream_that_is_closed_late_takes_nothing_from_the_next_one(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    for token in TOKENS:
        await _prove(gateway, token)
    async with gateway.subscribed(CHANGED, token=TOKENS[0], id=id) as refused:
        refused.reads.clear()
        sandbox.fail(Fault(status=401, body=REVOKED, instead=True))
        await gateway.hint("client.updated", id)
        await asyncio.sleep(3)
        async with gateway.subscribed(CHANGED, token=TOKENS[1], id=id) as other:
            refused.reads.set()
            await asyncio.sleep(1)
            assert (refused.is_complete, other.is_complete) == (True, False)

            await gateway.change(id, email="later@example.com")
            await gateway.hint("client.updated", id, at=2)
            await asyncio.sleep(3)
            assert [client["email"] for _, client in other.changes] == ["later@example.com"]


async def _prove(gateway: World, token: str) -> None:
    """Have the API accept a token."""
    await gateway.http.post(
        "/graphql",
        json={"query": "{ clients(first: 1) { totalCount } }"},
        headers={"Authorization": f"Bearer {token}"},
    )
