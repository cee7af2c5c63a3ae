"""Client libraries subscribe, receive events, and go on after the gateway has restarted."""

import asyncio
import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.clients.conftest import HERE
from tests.serving import Serving, Way, serving
from tests.webhooks.deliveries import query

SECONDS = 30
CLIENTS = ("graphql-sse", "relay", "apollo-multipart", "urql", "graphql-ws", "apollo-websocket")
SUBSCRIPTION = """subscription ($id: ID!) {
  clientChanged(id: $id, initial: true) { kind clientId client { email } }
}"""
UPDATE = """mutation ($id: ID!, $email: String) {
  updateClient(input: {id: $id, email: $email}) { __typename }
}"""


async def subscribe_by_gql(gateway: Serving, id: str, lines: "queue.Queue[str]") -> None:
    """Subscribe with Python's gql, which leaves it to the application to come back."""
    request = GraphQLRequest(SUBSCRIPTION, variable_values={"id": id})
    while True:
        transport = WebsocketsTransport(
            f"ws://{gateway.host}:{gateway.port}/graphql",
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            init_payload={"X-API-Key": DEMO.api_key},
        )
        try:
            async with Client(transport=transport) as session:
                async for result in session.subscribe(request):
                    change = result["clientChanged"]
                    shown = {"kind": change["kind"], "email": change["client"]["email"]}
                    lines.put(json.dumps({"name": "gql", **shown}))
        except (TransportError, OSError):
            await asyncio.sleep(0.1)


class Subscribers:
    """The program that subscribes with every library, and the events that it prints."""

    def __init__(self, node: str, gateway: Serving, id: str) -> None:
        environment = {
            "GATEWAY": f"{gateway.url}/graphql",
            "API_KEY": DEMO.api_key,
            "CLIENT": id,
        }
        self.process = subprocess.Popen(  # noqa: S603 - a script of ours
            [node, "subscriptions/subscribe.mjs", *CLIENTS],
            cwd=HERE,
            env=os.environ | {"NO_COLOR": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._loop = asyncio.new_event_loop()
        self._gql = self._loop.create_task(subscribe_by_gql(gateway, id, self._lines))
        self._python = threading.Thread(target=self._run)
        self._python.start()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._gql)
        self._loop.close()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        self._loop.call_soon_threadsafe(self._gql.cancel)
        self._python.join(SECONDS)

    def next_of_each(self, **expected: Any) -> None:
        """Wait until each library has printed an event with this content."""
        waiting = {*CLIENTS, "gql"}
        seen = []
        while waiting:
            try:
                seen.append(self._lines.get(timeout=SECONDS))
            except queue.Empty:
                raise AssertionError((waiting, seen)) from None
            event = json.loads(seen[-1])
            if all(event.get(name) == value for name, value in expected.items()):
                waiting.discard(event["name"])
            assert "error" not in event, seen
            assert "complete" not in event, seen


@contextlib.contextmanager
def subscribers(node: str, gateway: Serving, id: str) -> Iterator[Subscribers]:
    running = Subscribers(node, gateway, id)
    try:
        yield running
    finally:
        running.close()


def test_libraries_subscribe_and_go_on_after_a_restart(node: str) -> None:
    sandbox = Sandbox(window_seconds=60)
    row = sandbox.rows_of(DEMO)[0]
    with contextlib.ExitStack() as first:
        gateway = first.enter_context(serving(sandbox, Way.FAST))
        with subscribers(node, gateway, row["id"]) as running:
            running.next_of_each(kind="UNKNOWN", email=row["email"])
            _update(gateway, row["id"], "one@example.com")
            running.next_of_each(kind="UPDATED", email="one@example.com")

            first.close()
            with serving(sandbox, Way.FAST) as other:
                _update(other, row["id"], "meanwhile@example.com")
            with serving(sandbox, Way.FAST, port=gateway.port) as gateway:
                running.next_of_each(kind="UNKNOWN", email="meanwhile@example.com")
                _update(gateway, row["id"], "two@example.com")
                running.next_of_each(kind="UPDATED", email="two@example.com")


def _update(gateway: Serving, id: str, email: str) -> None:
    with gateway.connection() as wire:
        query(wire, UPDATE, id=id, email=email)
