"""The whole gateway in process, on virtual time, with subscribers by Server-Sent Events."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from gateway.app import GatewayApp, create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO, DemoUser
from gateway.settings import load_settings
from gateway.webhooks.signature import sign
from tests.in_process import InProcess
from tests.webhooks.deliveries import PATH, SECRET, body_of

CHANGED = """subscription ($id: ID!, $initial: Boolean! = false) {
  clientChanged(id: $id, initial: $initial) { kind clientId client { email version } }
}"""
ANY_CHANGED = """subscription ($filter: ClientFilter) {
  clientsChanged(filter: $filter) { kind clientId client { email status } }
}"""
HERE = "http://gateway.test"


@dataclass
class Stream:
    """The events of one subscription, as they came."""

    messages: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """When each of them came."""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    status: int = 0
    is_complete: bool = False
    """Whether the response has ended."""
    leave: Callable[[], None] = lambda: None
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    """Unset while the client does not read."""

    @property
    def body(self) -> bytes:
        return b"".join(self.messages)

    @property
    def responses(self) -> list[Any]:
        """The payloads of the events so far."""
        events = self.body.decode().split("\n\n")
        return [json.loads(each[18:]) for each in events if each.startswith("event: next\ndata: ")]

    @property
    def changes(self) -> list[tuple[str, Any]]:
        """Kind and client of each event so far."""
        found = [next(iter(each["data"].values())) for each in self.responses]
        return [(each["kind"], each["client"]) for each in found]

    @property
    def calls(self) -> list[int]:
        """The calls on the receipts of the events so far."""
        return [each["extensions"]["upstream"]["calls"] for each in self.responses]


@dataclass
class World:
    """A gateway before a sandbox, and another writer of the same API."""

    app: GatewayApp
    sandbox: Sandbox
    http: httpx.AsyncClient
    api: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def subscribed(
        self,
        document: str,
        *,
        user: DemoUser = DEMO,
        accept: str = "text/event-stream",
        token: str | None = None,
        **variables: Any,
    ) -> AsyncIterator[Stream]:
        """A subscription, until the block ends."""
        stream = Stream()
        stream.reads.set()
        gone = asyncio.Event()
        stream.leave = gone.set
        body = json.dumps({"query": document, "variables": variables}).encode()
        sent = False

        async def receive() -> Any:
            nonlocal sent
            if sent:
                await gone.wait()
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            await stream.reads.wait()
            if message["type"] == "http.response.start":
                stream.status, stream.headers = message["status"], dict(message["headers"])
            else:
                stream.messages.append(message.get("body", b""))
                stream.times.append(asyncio.get_running_loop().time())
                stream.is_complete = not message.get("more_body", False)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "headers": [
                (b"host", b"gateway.test"),
                (b"content-type", b"application/json"),
                (b"accept", accept.encode()),
                (b"authorization", f"Bearer {token}".encode())
                if token
                else (b"x-api-key", user.api_key.encode()),
            ],
        }
        task = asyncio.create_task(self.app(scope, receive, send))
        await asyncio.sleep(0.1)
        yield stream
        gone.set()
        await task

    async def query(self, text: str, *, user: DemoUser = DEMO, **variables: Any) -> Any:
        """The data of an operation."""
        answer = await self.http.post(
            "/graphql",
            json={"query": text, "variables": variables},
            headers={"X-API-Key": user.api_key},
        )
        found = answer.json()
        assert "errors" not in found, found
        return found["data"]

    async def hint(self, event: str, *ids: str, at: int = 1) -> None:
        """Deliver a webhook."""
        data = {"clients": [{"id": id} for id in ids]} if ids else {}
        body = body_of(event, data, at)
        answer = await self.http.post(
            PATH, content=body, headers={"X-Webhook-Signature": sign(body, SECRET)}
        )
        assert answer.status_code == 204

    async def change(self, id: str, user: DemoUser = DEMO, **fields: str) -> None:
        """Change a client by the API itself; this is not among the sandbox's calls."""
        answer = await self.api.put(
            f"/v1/clients/{id}", json=fields, headers={"X-API-Key": user.api_key}
        )
        assert answer.status_code == 200
        self.sandbox.calls.remove(f"PUT /clients/{id}")


@contextlib.asynccontextmanager
async def world(sandbox: Sandbox, **changes: Any) -> AsyncIterator[World]:
    """A gateway before this sandbox, with some settings changed."""
    settings = load_settings({}, _env_file=None, webhook_secrets=(SECRET,), **changes)
    loop = asyncio.get_running_loop()
    app = create_app(settings, wire=InProcess(sandbox), clock=loop.time)
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE) as http,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=sandbox), base_url=HERE) as api,
    ):
        yield World(app, sandbox, http, api)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
async def gateway(sandbox: Sandbox) -> AsyncIterator[World]:
    async with world(sandbox) as gateway:
        yield gateway
