"""How a subscription is opened, refused and ended over HTTP."""

import asyncio
import json
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, DEMO
from gateway.subscriptions import subscriber
from tests.subscriptions.conftest import ANY_CHANGED, CHANGED, Stream, World, world

pytestmark = pytest.mark.anyio
MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json'
NO_ID = "00000000-0000-4000-8000-000000000000"


def code_of(stream: Stream) -> str:
    """The code of the only error of a response that is no stream."""
    [error] = json.loads(stream.body)["errors"]
    return str(error["extensions"]["code"])


async def test_the_first_event_is_the_present_state_on_request(
    gateway: World, sandbox: Sandbox
) -> None:
    row = sandbox.rows_of(ADA)[0]
    async with gateway.subscribed(CHANGED, id=row["id"], initial=True) as stream:
        assert stream.changes == [("UNKNOWN", {"email": row["email"], "version": row["version"]})]
        assert stream.calls == [1]
        assert sandbox.calls == [f"GET /clients/{row['id']}"]


async def test_the_present_state_of_no_client_is_null(gateway: World) -> None:
    async with gateway.subscribed(CHANGED, id=NO_ID, initial=True) as stream:
        assert stream.changes == [("UNKNOWN", None)]


async def test_apollos_multipart_protocol_frames_each_event(
    gateway: World, sandbox: Sandbox
) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    async with gateway.subscribed(CHANGED, accept=MULTIPART, id=id, initial=True) as stream:
        await asyncio.sleep(10)
        opening, event, heartbeat = stream.messages

        assert stream.headers[b"content-type"] == (
            b'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"'
        )
        assert opening == b"\r\n--graphql"
        assert event.startswith(b'\r\ncontent-type: application/json\r\n\r\n{"payload":{"data":')
        assert event.endswith(b"}\r\n--graphql")
        assert heartbeat == b"\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql"


@pytest.mark.parametrize("accept", ["text/event-stream", MULTIPART])
async def test_when_the_gateway_stops_a_client_is_to_come_back(gateway: World, accept: str) -> None:
    async with gateway.subscribed(ANY_CHANGED, accept=accept) as stream:
        gateway.app.websockets.drain()
        await asyncio.sleep(0.1)

        assert stream.is_complete
        if accept == MULTIPART:
            assert b'{"payload":null,"errors":[{"message":"The gateway is stopping' in stream.body
            assert b'"code":"SUBSCRIPTION_CLOSED"' in stream.body
            assert stream.body.endswith(b"\r\n--graphql--\r\n")
        else:
            assert b"complete" not in stream.body


async def test_a_subscriber_that_reads_too_slowly_is_cut_off(monkeypatch: Any) -> None:
    monkeypatch.setattr(subscriber, "MAX_WAITING", 2)
    woken = []
    anything: Any = None
    slow = subscriber.Subscriber(anything, anything, lambda: woken.append(1), lambda _: None)
    slow.offer("1", b"first")
    slow.offer("2", b"second")
    slow.offer("1", b"first again")

    assert (slow.take(), slow.take(), slow.take()) == (b"second", b"first again", None)
    for id in "123":
        slow.offer(id, b"")
    assert slow.end is subscriber.End.SLOW
    assert slow.take() is None


@pytest.mark.parametrize(
    ("accept", "variables", "status", "code"),
    [
        ("application/json", {"id": NO_ID}, 406, "BAD_REQUEST"),
        ("application/json, multipart/mixed", {"id": NO_ID}, 406, "BAD_REQUEST"),
        (MULTIPART, {"id": "7"}, 422, "BAD_USER_INPUT"),
        (MULTIPART, {}, 422, "BAD_USER_INPUT"),
    ],
)
async def test_a_subscription_is_refused_before_it_is_opened(
    gateway: World, accept: str, variables: Any, status: int, code: str
) -> None:
    async with gateway.subscribed(CHANGED, accept=accept, **variables) as stream:
        assert (stream.status, code_of(stream)) == (status, code)


async def test_over_server_sent_events_a_refusal_is_the_only_event(gateway: World) -> None:
    async with gateway.subscribed(CHANGED, id="7") as stream:
        assert stream.is_complete
        assert stream.status == 200
        [response] = stream.responses
        assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert stream.body.endswith(b"event: complete\ndata:\n\n")


async def test_over_server_sent_events_a_query_is_one_event(gateway: World) -> None:
    async with gateway.subscribed("{ __typename }") as stream:
        assert stream.is_complete
        assert [each["data"] for each in stream.responses] == [{"__typename": "Query"}]


async def test_a_caller_has_a_limit_of_subscriptions(sandbox: Sandbox) -> None:
    async with (
        world(sandbox, max_subscriptions=1) as gateway,
        gateway.subscribed(ANY_CHANGED) as one,
    ):
        async with gateway.subscribed(ANY_CHANGED, accept=MULTIPART) as two:
            assert (two.status, code_of(two)) == (422, "LIMIT_EXCEEDED")
        one.leave()
        await asyncio.sleep(0.1)
        async with gateway.subscribed(ANY_CHANGED, accept=MULTIPART) as three:
            assert three.status == 200


async def test_a_subscriber_that_leaves_before_the_present_state_is_read_costs_nothing(
    sandbox: Sandbox,
) -> None:
    one, other = (row["id"] for row in sandbox.rows_of(DEMO)[:2])
    sandbox.fail(Fault(latency=1))
    async with (
        world(sandbox, upstream_max_concurrency=1) as gateway,
        gateway.subscribed(CHANGED, id=one, initial=True) as first,
    ):
        async with gateway.subscribed(CHANGED, id=other, initial=True):
            pass
        await asyncio.sleep(2)

        assert sandbox.calls == [f"GET /clients/{one}"]
        assert first.calls == [1]


async def test_a_subscription_has_its_price_by_change(gateway: World, sandbox: Sandbox) -> None:
    id = sandbox.rows_of(ADA)[0]["id"]
    for at in (1, 2):
        await gateway.hint("client.updated", id, at=at)
    await gateway.hint("client.updated", NO_ID)
    for document, changes in ((CHANGED, 2), (ANY_CHANGED, 3)):
        answer = await gateway.http.post(
            "/graphql",
            json={
                "query": document,
                "variables": {"id": id} if "$id" in document else {},
                "extensions": {"upstream": {"explain": True}},
            },
            headers={"X-API-Key": ADA.api_key},
        )
        explained = answer.json()["extensions"]["upstream"]["explain"]
        price = {"minimum": 0, "expected": 1, "maximum": 1}
        [cause] = explained.pop("causes")

        assert explained == {**price, "per": "change", "changesPerHour": changes}
        assert cause == {"path": [cause["path"][0]], **price}
    assert sandbox.calls == []


async def test_by_get_only_subscriptions_are_sent_with_their_text(gateway: World) -> None:
    headers = {"Accept": "text/event-stream", "X-API-Key": ADA.api_key}
    answer = await gateway.http.get("/graphql", params={"query": "{ __typename }"}, headers=headers)

    assert answer.status_code == 405


async def test_a_head_request_has_the_headers_of_the_stream_and_ends(gateway: World) -> None:
    headers = {"Accept": "text/event-stream", "X-API-Key": ADA.api_key}
    params = {"query": "subscription { clientsChanged { kind } }"}
    answer = await gateway.http.head("/graphql", params=params, headers=headers)

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
