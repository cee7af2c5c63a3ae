"""Answers that came from something other than the API: none of them is its word."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from gateway.transport.messages import Request, Response
from tests.gateway.conftest import HERE, Gateway, settings
from tests.in_process import InProcess
from tests.wires import CoroutineTransport, respond

LIST = "{ clients(first: 50) { edges { node { id } } } }"
READ = "query ($id: ID!) { client(id: $id) { id email notes } }"
DELETE = """
mutation ($id: ID!) {
  it: deleteClient(input: {id: $id}) { __typename ... on DeleteClientSuccess { confirmedBy } }
}
"""
UPDATE = """
mutation ($id: ID!) {
  it: updateClient(input: {id: $id, expectedVersion: 1, email: "mine@example.com"}) {
    __typename
    ... on UpdateClientSuccess { confirmedBy }
    ... on ClientWriteUnconfirmed { candidates { version } }
  }
}
"""
PROXY = [
    (401, "<html>Log in</html>"),
    (403, "<html>Forbidden</html>"),
    (404, "404 page not found"),
    (408, ""),
    (409, ""),
    (410, "gone"),
    (412, ""),
    (418, ""),
    (422, '{"message":"no"}'),
    (423, ""),
    (425, ""),
    (429, "<html>slow down</html>"),
    (499, ""),
    (302, ""),
    (304, ""),
    (204, ""),
    (200, "<html>Log in</html>"),
    (200, ""),
    (200, '{"success":false}'),
    (520, "<html>"),
]
NOT_LIMITED = [case for case in PROXY if case[0] not in {429, 520}]
"""Those that say nothing of how the API or its window is."""


@dataclass
class Proxy(CoroutineTransport):
    """Answers the next requests itself, in order; then it passes them on."""

    sandbox: Sandbox
    answers: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._inner = InProcess(self.sandbox)

    async def handle(self, request: Request[Any]) -> Response:
        if not self.answers:
            return await self._inner.handle(request)
        self.sandbox.calls.append(f"{request.method} at the proxy")
        status, body = self.answers.pop(0)
        return respond(status, content=body)


@dataclass
class Scene:
    proxy: Proxy
    gateway: Gateway

    @property
    def sandbox(self) -> Sandbox:
        return self.proxy.sandbox

    @property
    def id(self) -> str:
        return str(self.sandbox.rows_of(DEMO)[0]["id"])

    async def write(self, text: str) -> Any:
        return (await self.gateway.query(text, id=self.id))["it"]

    async def listed(self) -> list[str]:
        edges = (await self.gateway.query(LIST))["clients"]["edges"]
        return [edge["node"]["id"] for edge in edges]

    @property
    def calls(self) -> list[str]:
        return [call.replace(f"/clients/{self.id}", "one") for call in self.sandbox.calls]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    proxy = Proxy(Sandbox())
    app = create_app(settings(), wire=proxy, clock=asyncio.get_running_loop().time)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
        yield Scene(proxy, Gateway(http))


@pytest.mark.parametrize("answer", PROXY, ids=str)
async def test_a_deletion_that_only_a_proxy_answered_is_not_done(
    scene: Scene, answer: tuple[int, str]
) -> None:
    scene.proxy.answers = [(502, ""), answer, (502, ""), (502, "")]
    id = scene.id

    end = await scene.write(DELETE)

    assert end == {"__typename": "ClientWriteUnconfirmed"}
    assert scene.id == id
    assert scene.calls[:2] == ["DELETE at the proxy"] * 2


@pytest.mark.parametrize("answer", PROXY, ids=str)
async def test_a_first_answer_of_a_proxys_is_followed_by_the_apis_own(
    scene: Scene, answer: tuple[int, str]
) -> None:
    scene.proxy.answers, id = [answer], scene.id

    # A 429 holds every caller for a minute, whichever server sent it.
    end = await scene.write(DELETE)

    if answer[0] == 429:
        assert end == {"__typename": "ClientWriteUnconfirmed"}
        assert scene.calls == ["DELETE at the proxy"]
    else:
        assert end == {"__typename": "DeleteClientSuccess", "confirmedBy": "ANSWER"}
        assert scene.sandbox.calls == ["DELETE at the proxy", f"DELETE /clients/{id}"]


@pytest.mark.parametrize("answer", NOT_LIMITED, ids=str)
async def test_a_change_that_only_a_proxy_refused_stays_in_every_list(
    scene: Scene, answer: tuple[int, str]
) -> None:
    before = await scene.listed()
    scene.proxy.answers = [answer, answer, (502, ""), (502, "")]

    end = await scene.write(UPDATE)

    assert end == {"__typename": "ClientWriteUnconfirmed", "candidates": []}
    assert await scene.listed() == before
    assert (await scene.gateway.query(READ, id=scene.id))["client"]["id"] == scene.id


@pytest.mark.parametrize("answer", NOT_LIMITED, ids=str)
async def test_a_read_that_a_proxy_answered_is_no_missing_client_and_bars_no_key(
    scene: Scene, answer: tuple[int, str]
) -> None:
    scene.proxy.answers = [answer]

    wrong = await scene.gateway.errors(READ, id=scene.id)
    right = await scene.gateway.query(READ, id=scene.id)

    assert wrong == [("client", "UPSTREAM_BAD_RESPONSE")]
    assert right["client"]["id"] == scene.id
    assert scene.calls == ["GET at the proxy", "GET one"]
