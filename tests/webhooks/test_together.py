"""Another writer's change reaches a reader of the gateway through the sandbox's webhooks."""

import json
from collections.abc import Iterator

import httpx
import pytest

from gateway.cli.webhook_test import send_sample
from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.users import DEMO
from gateway.sandbox.webhooks import Webhooks
from gateway.server.uvicorn import Listener
from tests.serving import Serving, Way, listening, serving
from tests.webhooks.deliveries import PATH, SECRET, query

CLIENT = "query ($id: ID!) { client(id: $id) { email } }"
NEW_EMAIL = "new@example.com"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(window_seconds=60)


@pytest.fixture
def gateway(sandbox: Sandbox, way: Way) -> Iterator[Serving]:
    with serving(sandbox, way, webhook_secrets=(SECRET,)) as gateway:
        sandbox.webhooks = Webhooks(f"{gateway.url}{PATH}", SECRET)
        yield gateway


@pytest.fixture
def api(sandbox: Sandbox, gateway: Serving) -> Iterator[httpx.Client]:
    """The API itself, for a writer who does not use the gateway."""
    del gateway
    with (
        listening(lambda socket: Listener(sandbox, socket)) as served,
        httpx.Client(base_url=f"{served.url}/v1", headers={"X-API-Key": DEMO.api_key}) as http,
    ):
        yield http


@pytest.mark.parametrize("fault", [None, "webhook-twice"])
def test_a_change_by_another_writer_is_seen_for_one_call(
    gateway: Serving, sandbox: Sandbox, api: httpx.Client, fault: str | None
) -> None:
    sandbox.fail(*([named(fault)] if fault else []))
    id = sandbox.rows_of(DEMO)[0]["id"]
    with gateway.connection() as wire:
        query(wire, CLIENT, id=id)

        api.put(f"/clients/{id}", json={"email": NEW_EMAIL})
        for _ in range(5_000):
            found = query(wire, CLIENT, id=id)
            if found["data"]["client"]["email"] == NEW_EMAIL:
                break

    assert found["data"]["client"]["email"] == NEW_EMAIL
    assert sandbox.calls == [f"GET /clients/{id}", f"PUT /clients/{id}", f"GET /clients/{id}"]


@pytest.mark.parametrize("secret", [SECRET, "some other secret"])
def test_a_sample_is_sent_and_its_answer_explained(gateway: Serving, secret: str) -> None:
    status, meaning = send_sample(f"{gateway.url}{PATH}", secret)

    assert (status, meaning) == (
        (204, "the gateway verified the delivery and applied it")
        if secret == SECRET
        else (401, "the gateway has another secret")
    )
    counts = json.loads(httpx.get(f"{gateway.url}/readyz").content)["webhooks"]
    assert counts["applied"] + counts["refused"] == 1
