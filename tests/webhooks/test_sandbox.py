"""The sandbox reports what is written in it, with the documented headers, attempts and faults."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.users import DEMO, GRACE
from gateway.sandbox.webhooks import PAUSES, Webhooks
from gateway.webhooks.signature import is_signed

SECRET = "the secret of the sandbox"
NEW = {"first_name": "Ada", "last_name": "King", "client_type": "buyer"}


class Receiver:
    """Remembers what it was sent and answers by a script, then 204."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, dict[str, str]]] = []
        self.slept: list[float] = []
        self.answers: list[int] = []

    async def send(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        assert url == "https://gateway.example/webhooks/clients"
        self.sent.append((body, headers))
        return self.answers.pop(0) if self.answers else 204

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["event"] for body, _ in self.sent]

    @property
    def valid(self) -> list[bool]:
        return [
            is_signed(body, headers["X-Webhook-Signature"].encode(), [SECRET])
            for body, headers in self.sent
        ]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def webhooks(receiver: Receiver) -> Webhooks:
    url = "https://gateway.example/webhooks/clients"
    return Webhooks(url, SECRET, send=receiver.send, sleep=receiver.sleep)


@pytest.fixture
def sandbox(webhooks: Webhooks) -> Sandbox:
    return Sandbox(clock=lambda: 0.0, webhooks=webhooks)


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=sandbox),
        base_url="http://sandbox.test/v1",
        headers={"X-API-Key": DEMO.api_key},
    ) as http:
        yield http


async def test_each_write_of_any_caller_is_reported_with_the_documented_headers(
    api: httpx.AsyncClient, webhooks: Webhooks, receiver: Receiver
) -> None:
    grace = {"X-API-Key": GRACE.api_key}
    created = (await api.post("/clients", json=NEW, headers=grace)).json()["data"]
    path = f"/clients/{created['id']}"
    await api.put(path, json={"status": "closed"}, headers=grace)
    await api.delete(path, headers=grace)
    await api.get("/clients")
    await webhooks.settled()

    assert receiver.events == ["client.created", "client.updated", "client.deleted"]
    assert receiver.valid == [True] * 3
    body, headers = receiver.sent[1]
    event: dict[str, Any] = json.loads(body)
    assert event["data"] == {"id": created["id"]}
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers == {
        "content-type": "application/json",
        "X-Webhook-Event": "client.updated",
        "X-Webhook-Timestamp": event["timestamp"],
        "X-Webhook-Signature": f"sha256={signature}",
    }


async def test_a_write_that_is_refused_is_not_reported(
    api: httpx.AsyncClient, webhooks: Webhooks, receiver: Receiver
) -> None:
    await api.post("/clients", json={})
    await api.delete(f"/clients/{GRACE.clients()[0]['id']}")
    await webhooks.settled()

    assert receiver.sent == []


async def test_a_delivery_has_four_attempts(
    api: httpx.AsyncClient, webhooks: Webhooks, receiver: Receiver
) -> None:
    receiver.answers = [0, 500, 404, 503]
    await api.post("/clients", json=NEW)
    await webhooks.settled()

    assert receiver.events == ["client.created"] * 4
    assert len({body for body, _ in receiver.sent}) == 1
    assert receiver.slept == list(PAUSES)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("webhook-lost", lambda seen: seen.sent == []),
        (
            "webhook-twice",
            lambda seen: seen.events == ["client.created"] * 2 + ["client.deleted"] * 2,
        ),
        ("webhook-late", lambda seen: seen.slept == [5, 5]),
        ("webhook-forged", lambda seen: seen.valid == [False, False]),
    ],
)
async def test_faults_change_what_is_delivered_and_no_call(
    api: httpx.AsyncClient,
    sandbox: Sandbox,
    receiver: Receiver,
    fault: str,
    expected: Callable[[Receiver], bool],
) -> None:
    sandbox.fail(named(fault))

    created = await api.post("/clients", json=NEW)
    assert sandbox.webhooks is not None
    await sandbox.webhooks.settled()
    deleted = await api.delete(f"/clients/{created.json()['data']['id']}")
    await sandbox.webhooks.settled()

    assert (created.status_code, deleted.status_code) == (201, 200)
    assert expected(receiver)


async def test_a_held_delivery_is_sent_after_the_next(
    api: httpx.AsyncClient, sandbox: Sandbox, webhooks: Webhooks, receiver: Receiver
) -> None:
    sandbox.fail(named("webhook-reordered", times=1, share=1))

    created = await api.post("/clients", json=NEW)
    await webhooks.settled()
    await api.delete(f"/clients/{created.json()['data']['id']}")
    await webhooks.settled()

    assert receiver.events == ["client.deleted", "client.created"]
