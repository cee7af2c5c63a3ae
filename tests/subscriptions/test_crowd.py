"""Many subscribers of several callers hear of many changes by another writer.

SUBSCRIBERS and SUBSCRIBED_CHANGES set the size: 1,000 and 100 in `make prove`.
"""

import asyncio
import contextlib
import json
import os
import statistics
from typing import Any

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import ALWAYS, Fault
from gateway.sandbox.users import DemoUser
from gateway.sandbox.webhooks import Webhooks
from tests.subscriptions.conftest import HERE, Stream, world
from tests.webhooks.deliveries import PATH, SECRET

pytestmark = pytest.mark.anyio
CALLERS = 10
SUBSCRIBERS = int(os.environ.get("SUBSCRIBERS", "100"))
CHANGES = int(os.environ.get("SUBSCRIBED_CHANGES", "30"))
EVERY = 0.02
"""Seconds between two changes."""
SECONDS = 2.0
"""What an event may take, for 95 of 100."""
ANY_CHANGED = "subscription { clientsChanged { kind clientId client { email version } } }"


def states(stream: Stream) -> dict[str, tuple[float, Any]]:
    """The last state of each client that came, and when."""
    found = {}
    for message, at in zip(stream.messages, stream.times, strict=True):
        if message.startswith(b"event: next\ndata: "):
            change = json.loads(message[18:])["data"]["clientsChanged"]
            found[change["clientId"]] = at, change["client"]["email"]
    return found


async def test_every_authorised_subscriber_hears_of_every_last_state_in_time() -> None:
    users = [DemoUser(f"Caller {number}", 12) for number in range(CALLERS)]
    sandbox = Sandbox(users=users, limit=1_000_000)
    sandbox.fail(Fault(latency=0.05, times=ALWAYS))
    clients = [(user, row["id"]) for user in users for row in sandbox.rows_of(user)[:10]]
    changed: dict[str, tuple[float, str]] = {}
    async with world(sandbox) as gateway, contextlib.AsyncExitStack() as all_of_them:
        sandbox.webhooks = Webhooks(f"{HERE}{PATH}", SECRET, send=_posting(gateway.http))
        for user in users:  # the API has accepted each credential before
            await gateway.query("{ clients(first: 1) { totalCount } }", user=user)
        streams: list[tuple[DemoUser, Stream]] = []
        for number in range(SUBSCRIBERS):
            user = users[number % CALLERS]
            opened = gateway.subscribed(ANY_CHANGED, user=user)
            streams.append((user, await all_of_them.enter_async_context(opened)))
        calls = len(sandbox.calls)
        for number in range(CHANGES):
            user, id = clients[number * 7 % len(clients)]
            email = f"change{number}@example.com"
            await gateway.change(id, user, email=email)
            changed[id] = asyncio.get_running_loop().time(), email
            await asyncio.sleep(EVERY)
        await asyncio.sleep(10)

    late = []
    for user, stream in streams:
        own = {id for owner, id in clients if owner is user} & changed.keys()
        seen = states(stream)
        assert seen.keys() == own  # all of the caller's, and none of another's
        for id in own:
            at, email = changed[id]
            assert seen[id][1] == email
            late.append(seen[id][0] - at)
    reads = [call for call in sandbox.calls[calls:] if call.startswith("GET")]
    assert statistics.quantiles(late, n=20)[-1] <= SECONDS
    assert len(reads) <= CALLERS * len(changed)


def _posting(http: httpx.AsyncClient) -> Any:
    async def post(url: str, body: bytes, headers: dict[str, str]) -> int:
        return (await http.post(url, content=body, headers=headers)).status_code

    return post
