"""The walks of docs/architecture.md: what a request passes on its way to the API."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import httpx

from gateway.app import create_app
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import HERE, Gateway, settings
from tests.in_process import InProcess

if TYPE_CHECKING:
    from types import FrameType

    from gateway.sandbox.api import Sandbox
    from gateway.transport.messages import Request, Response

LIST = "{ clients(first: 3) { edges { node { firstName } } } }"
CREATE = """mutation { createClient(input: {firstName: "Eve", lastName: "Lee", clientType: BUYER})
  { ... on CreateClientSuccess { client { id } } } }"""
MOST_CLASSES = 12
AT_SOCKETS = {"FastPathProtocol", "ConnectionPool", "HTTPConnection"}
"""What sockets add to the way, at either end."""


class Watching(InProcess):
    """Notes, when a request is sent, the tasks and the objects that wait for it."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.tasks: list[set[asyncio.Task[Any]]] = []
        self.classes: list[set[str]] = []

    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Note what waits for this request, then send it."""
        tasks = asyncio.all_tasks()
        self.tasks.append(tasks)
        self.classes.append(running() | {name for task in tasks for name in waiting(task)})
        return super().send(request)


def running() -> set[str]:
    """Classes of the gateway and of the graph on the present stack."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the way to the stack
    found = set()
    while frame is not None:
        found |= owner(frame)
        frame = frame.f_back
    return found


def waiting(task: asyncio.Task[Any]) -> set[str]:
    """Classes of the gateway and of the graph whose methods the task waits for."""
    found: set[str] = set()
    step: Any = task.get_coro()
    while step is not None:
        frame = getattr(step, "cr_frame", None)
        found |= set() if frame is None else owner(frame)
        step = getattr(step, "cr_await", None)
    return found


def owner(frame: FrameType) -> set[str]:
    of = type(frame.f_locals.get("self"))
    return {of.__name__} if of.__module__.split(".")[0] in {"gateway", "schema"} else set()


async def watched(sandbox: Sandbox, query: str) -> Watching:
    wire = Watching(sandbox)
    app = create_app(settings(), wire=wire, clock=asyncio.get_running_loop().time)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
        await Gateway(http).query(query, key=DEMO.api_key)
    return wire


async def test_a_cold_list_passes_twelve_classes_at_most(sandbox: Sandbox) -> None:
    wire = await watched(sandbox, LIST)

    [passed] = wire.classes
    assert {"GraphQLHandler", "CachingClientSource", "ListReader", "ApiClient"} <= passed
    within = passed - {"GatewayApp", "GraphQLApp"}  # in place of the fast path
    assert len(within | AT_SOCKETS) <= MOST_CLASSES, sorted(passed)


async def test_a_mutation_has_one_task_beside_that_of_its_request(sandbox: Sandbox) -> None:
    before = asyncio.all_tasks()
    wire = await watched(sandbox, CREATE)

    assert sandbox.calls == ["POST /clients"]
    [tasks] = wire.tasks
    assert len(tasks - before) == 1


async def test_a_cold_list_has_one_task_beside_that_of_its_request(sandbox: Sandbox) -> None:
    before = asyncio.all_tasks()
    wire = await watched(sandbox, LIST)

    [tasks] = wire.tasks
    assert len(tasks - before) == 1
