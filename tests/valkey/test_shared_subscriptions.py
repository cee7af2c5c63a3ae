"""Subscribers hear at one gateway of what happens at another."""

import asyncio
from functools import partial
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway
from tests.subscriptions.conftest import ANY_CHANGED, CHANGED, Stream, World
from tests.valkey.servers import Server
from tests.valkey.test_gateways import LEARNING, gateways, until
from tests.valkey.test_shared_cache import CREATE, DELETE, UPDATE, cleared

pytestmark = pytest.mark.quiet(seconds=15)  # a server not given the machine is unreachable


def world(gateway: Gateway, sandbox: Sandbox) -> World:
    """The gateway, for subscribers."""
    transport: Any = vars(gateway.http)["_transport"]
    return World(transport.app, sandbox, gateway.http, gateway.http)


async def has_heard(subscriber: Stream, count: int) -> bool:
    """Whether a subscriber has got so many changes."""
    return len(subscriber.changes) >= count


async def test_a_write_at_one_gateway_reaches_subscribers_at_another_without_a_call(
    server: Server,
) -> None:
    sandbox = Sandbox()
    cleared(server)
    async with gateways(sandbox, server, 2, cache=True) as (one, two):
        await asyncio.sleep(LEARNING)
        id = sandbox.rows_of(DEMO)[0]["id"]
        async with (
            world(one, sandbox).subscribed(CHANGED, id=id) as named,
            world(one, sandbox).subscribed(ANY_CHANGED) as every,
        ):
            await two.query(UPDATE, id=id, email="two@example.com")
            await asyncio.sleep(1.5)
            await until(partial(has_heard, named, 1))
            assert sandbox.calls == [f"PUT /clients/{id}"]
            assert named.changes == [("UPDATED", {"email": "two@example.com", "version": 4})]

            created = await two.query(CREATE, name="New")
            new = created["createClient"]["client"]["id"]
            await asyncio.sleep(1.5)
            await until(partial(has_heard, every, 2))
            await two.query(DELETE, id=new)
            await until(partial(has_heard, every, 3))
            assert [kind for kind, _ in every.changes] == ["UPDATED", "CREATED", "DELETED"]
            assert [call for call in sandbox.calls if call.startswith("GET")] == []
