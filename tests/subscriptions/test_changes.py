"""What a subscriber receives of a change, and what it costs."""

import asyncio

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, GRACE
from tests.subscriptions.conftest import ANY_CHANGED, CHANGED, World, world

pytestmark = pytest.mark.anyio
REVOKED = '{"success":false,"error":{"code":"UNAUTHORIZED","message":"revoked"}}'
UPDATE = """mutation ($id: ID!, $email: String) {
  updateClient(input: {id: $id, email: $email}) { __typename }
}"""


async def test_a_change_costs_one_call_however_many_subscribers_hear_of_it(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    async with (
        gateway.subscribed(CHANGED, id=id) as one,
        gateway.subscribed(CHANGED, id=id) as two,
        gateway.subscribed(ANY_CHANGED) as three,
    ):
        await gateway.change(id, email="new@example.com")
        await gateway.hint("client.updated", id)
        await gateway.hint("client.status_changed", id, at=2)
        await asyncio.sleep(1.5)

        assert sandbox.calls == [f"GET /clients/{id}"]
        for stream in (one, two):
            assert stream.changes == [("UPDATED", {"email": "new@example.com", "version": 4})]
        assert three.changes == [("UPDATED", {"email": "new@example.com", "status": "CLOSED"})]
        assert one.calls + two.calls + three.calls == [1, 0, 0]


async def test_nothing_is_sent_while_nothing_changes(gateway: World, sandbox: Sandbox) -> None:
    async with gateway.subscribed(ANY_CHANGED) as stream:
        await asyncio.sleep(60)

        assert sandbox.calls == []
        assert stream.body == b":\n\n" * 7  # one opens the stream, then one comes every ten seconds


async def test_a_client_of_another_caller_is_not_mentioned(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(GRACE)[0]["id"]
    async with (
        gateway.subscribed(ANY_CHANGED, user=ADA) as ours,
        gateway.subscribed(CHANGED, user=ADA, id=id) as named,
        gateway.subscribed(ANY_CHANGED, user=GRACE) as theirs,
    ):
        await gateway.change(id, GRACE, email="new@example.com")
        for at in (1, 2):
            await gateway.hint("client.updated", id, at=at)
            await asyncio.sleep(3)

        assert ours.changes == named.changes == []
        assert id.encode() not in ours.body
        assert [kind for kind, _ in theirs.changes] == ["UPDATED"]
        # Each caller reads once; of what is not Ada's, a second event costs nothing.
        assert sandbox.calls.count(f"GET /clients/{id}") == 3


async def test_the_callers_own_write_costs_no_call_and_its_event_none(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    async with gateway.subscribed(CHANGED, id=id) as stream:
        await gateway.query(UPDATE, id=id, email="own@example.com")
        await gateway.hint("client.updated", id)
        await asyncio.sleep(1.5)

        assert sandbox.calls == [f"PUT /clients/{id}"]
        assert stream.changes == [("UPDATED", {"email": "own@example.com", "version": 4})]


async def test_a_change_that_a_reader_finds_reaches_subscribers_without_a_webhook(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    query = "query ($id: ID!) { client(id: $id) { version } }"
    async with gateway.subscribed(CHANGED, id=id) as stream:
        await gateway.query(query, id=id)
        await gateway.change(id, email="new@example.com")
        await asyncio.sleep(70)
        await gateway.query(query, id=id)
        await asyncio.sleep(1.5)

        assert sandbox.calls == [f"GET /clients/{id}"] * 2
        assert stream.changes == [("UPDATED", {"email": "new@example.com", "version": 4})]


async def test_a_client_is_created_changed_and_deleted_by_another_writer(gateway: World) -> None:
    fields = {"first_name": "New", "last_name": "One", "client_type": "buyer"}
    headers = {"X-API-Key": ADA.api_key}
    async with gateway.subscribed(ANY_CHANGED) as stream:
        created = await gateway.api.post("/v1/clients", json=fields, headers=headers)
        id = created.json()["data"]["id"]
        await gateway.hint("client.created", id)
        await asyncio.sleep(2)
        await gateway.change(id, status="closed")
        await gateway.hint("client.status_changed", id)
        await asyncio.sleep(2)
        await gateway.api.delete(f"/v1/clients/{id}", headers=headers)
        await gateway.hint("client.deleted", id)
        await asyncio.sleep(2)

        assert stream.changes == [
            ("CREATED", {"email": None, "status": "ACTIVE"}),
            ("UPDATED", {"email": None, "status": "CLOSED"}),
            ("DELETED", None),
        ]


async def test_a_filter_delivers_what_matches_or_matched_before(
    gateway: World, sandbox: Sandbox
) -> None:
    ids = [row["id"] for row in sandbox.rows_of(ADA) if row["status"] == "active"][:2]
    closed = next(row["id"] for row in sandbox.rows_of(ADA) if row["status"] == "closed")
    await gateway.query("{ clients(first: 50) { edges { node { status } } } }")
    async with gateway.subscribed(ANY_CHANGED, filter={"status": "ACTIVE"}) as stream:
        await gateway.change(ids[0], status="inactive")
        await gateway.change(ids[1], email="still@example.com")
        await gateway.change(closed, email="not@example.com")
        await gateway.hint("client.updated", *ids, closed)
        await asyncio.sleep(2)

        assert {client["status"] for _, client in stream.changes} == {"INACTIVE", "ACTIVE"}
        assert len(stream.changes) == 2


async def test_many_changes_of_one_second_are_read_together(
    gateway: World, sandbox: Sandbox
) -> None:
    ids = [row["id"] for row in sandbox.rows_of(ADA)]
    async with gateway.subscribed(ANY_CHANGED) as stream:
        for id in ids:
            await gateway.change(id, email="many@example.com")
        await gateway.hint("client.updated", *ids)
        await asyncio.sleep(2)

        assert sandbox.calls == ["GET /clients?page=1&limit=100"]
        assert len(stream.changes) == len(ids)
        assert stream.calls == [1] + [0] * (len(ids) - 1)


async def test_an_event_of_an_unknown_client_is_found_by_one_page(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[3]["id"]
    await gateway.query("{ clients(first: 50) { edges { node { email } } } }")
    sandbox.calls.clear()
    async with gateway.subscribed(ANY_CHANGED) as stream:
        await gateway.change(id, email="new@example.com")
        await gateway.hint("client.merged")
        await asyncio.sleep(3)

        assert sandbox.calls == ["GET /clients?page=1&limit=100"]
        assert stream.changes == [("UPDATED", {"email": "new@example.com", "status": "ACTIVE"})]


async def test_a_change_that_cannot_be_read_is_announced_and_follows_later(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    async with gateway.subscribed(CHANGED, id=id, initial=True) as stream:
        await gateway.change(id, email="new@example.com")
        sandbox.fail(Fault(status=503, times=2))
        await gateway.hint("client.updated", id)
        await asyncio.sleep(40)

        [(_, before), announced, (kind, after)] = stream.changes
        assert announced == ("UPDATED", before)
        assert (kind, after["email"]) == ("UPDATED", "new@example.com")
        stale = [each["extensions"]["upstream"]["stale"] for each in stream.responses]
        assert stale == [False, True, False]


async def test_a_caller_who_never_saw_the_client_learns_nothing_until_it_can_be_read(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    async with gateway.subscribed(ANY_CHANGED) as stream:
        sandbox.fail(Fault(status=503, times=2))
        await gateway.hint("client.updated", id)
        await asyncio.sleep(10)
        assert stream.changes == []

        await asyncio.sleep(30)
        assert [kind for kind, _ in stream.changes] == ["UPDATED"]


async def test_while_the_window_is_scarce_a_change_costs_nothing() -> None:
    sandbox = Sandbox(limit=10)
    id = sandbox.rows_of(ADA)[0]["id"]
    async with (
        world(sandbox) as gateway,
        gateway.subscribed(CHANGED, id=id, initial=True) as stream,
    ):
        for number in range(7):  # another writer of the same address
            await gateway.change(id, email=f"new{number}@example.com")
        await gateway.query("{ clients(first: 1) { totalCount } }")  # shows what is left
        await asyncio.sleep(2)
        sandbox.calls.clear()
        await gateway.hint("client.updated", id)
        await asyncio.sleep(5)

        assert sandbox.calls == []
        assert [kind for kind, _ in stream.changes] == ["UNKNOWN", "UPDATED", "UPDATED"]
        stale = [each["extensions"]["upstream"]["stale"] for each in stream.responses]
        assert stale == [False, False, True]


async def test_a_rejected_credential_ends_its_subscriptions(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    async with gateway.subscribed(CHANGED, id=id) as stream:
        sandbox.fail(Fault(status=401, body=REVOKED, instead=True))
        await gateway.hint("client.updated", id)
        await asyncio.sleep(2)

        assert stream.is_complete
        assert stream.responses[-1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert stream.body.endswith(b"event: complete\ndata:\n\n")
