"""The sandbox behind a wire that loses answers, and other writers who come in between."""

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import pytest

from gateway.api.source import RestClientSource
from gateway.cache.uncached import UncachedClientSource
from gateway.detached_tasks import DetachedTasks
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, DemoUser
from gateway.transport.errors import ConnectError, ReadError
from gateway.transport.messages import Request, Response
from gateway.transport.serializer import HeaderBlock, RequestTarget
from gateway.writes.recovery import RecoveringWriter, write_cost
from schema.source.records import ClientId
from schema.source.request_context import Caller, Credential, RequestContext
from tests.in_process import InProcess
from tests.wires import CoroutineTransport

Fate = Literal["answered", "answer lost", "never arrived", "never sent"]
URL = "http://api.test/v1"
REFUSAL = '{"success": false, "error": {"code": "ANY", "message": "No."}}'
"""The API's own envelope of a refusal."""


@dataclass
class Unlucky(CoroutineTransport):
    """Lets each write meet its fate, in order; what is left of them is answered."""

    sandbox: Sandbox
    fates: list[Fate] = field(default_factory=list)
    beforehand: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What others do just before the first write, the second, ..."""
    afterwards: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What others do as soon as the API has carried out the first write, the second, ..."""
    unreadable: bool = False
    """Whether reads fail."""

    def __post_init__(self) -> None:
        self.fates = list(self.fates)
        self._inner = InProcess(self.sandbox)

    async def handle(self, request: Request[Any]) -> Response:
        if request.method == "GET":
            if self.unreadable:
                raise ReadError("lost")
            return await self._inner.handle(request)
        if self.beforehand:
            await self.beforehand.pop(0)()
        fate = self.fates.pop(0) if self.fates else "answered"
        if fate == "never sent":
            raise ConnectError("refused")
        answer = None
        if fate != "never arrived":
            answer = await self._inner.handle(request)
        if self.afterwards:
            await self.afterwards.pop(0)()
        if answer is None or fate == "answer lost":
            raise ReadError("lost")
        return answer


@dataclass
class Desk:
    """One caller at a gateway without a cache, and what the API holds."""

    sandbox: Sandbox
    wire: Unlucky
    person: DemoUser = ADA

    def __post_init__(self) -> None:
        self.rest = RestClientSource(self.wire, URL)
        self.tasks = DetachedTasks()
        self.source = UncachedClientSource(
            self.rest, RecoveringWriter(self.rest), write_cost=write_cost, tasks=self.tasks
        )

    @property
    def operation(self) -> RequestContext:
        caller = Caller(self.person.name, Credential("X-API-Key", self.person.api_key))
        return RequestContext(caller, deadline=time.monotonic() + 1e9)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.sandbox.rows_of(self.person)

    @property
    def calls(self) -> list[str]:
        """The requests, ids left out."""
        return [
            call.split("/")[0] + "one" if call.count("/") > 1 else call.replace("/clients", "all")
            for call in self.sandbox.calls
        ]

    def row(self, id: str) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["id"] == id), None)

    async def somebody(self, method: str, path: str, body: object = None) -> None:
        """Somebody else writes, straight to the API; that call is not counted."""
        wire = InProcess(self.sandbox)
        headers = HeaderBlock((b"X-API-Key", self.person.api_key.encode()))
        content = b"" if body is None else orjson.dumps(body)
        target = RequestTarget(f"{URL}/clients{path}")
        await wire.send(Request(method, target, headers, math.inf, None, content))
        self.sandbox.calls.pop()

    @property
    def first(self) -> ClientId:
        return ClientId(self.rows[0]["id"])


@pytest.fixture
def desk() -> Desk:
    sandbox = Sandbox()
    return Desk(sandbox, Unlucky(sandbox))
