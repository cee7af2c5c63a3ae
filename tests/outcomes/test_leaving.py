"""A caller leaves at any moment of a write: the write is ended, recorded, and seen by reads."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from gateway.api.source import RestClientSource
from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MemoryStore
from gateway.detached_tasks import DetachedTasks
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA
from gateway.storage.database import Database
from gateway.writes.idempotency import IdempotentWriter
from gateway.writes.idempotency_store import IdempotencyStore
from gateway.writes.recovery import RecoveringWriter, write_cost
from schema.source.records import FIELDS, ClientFilter, ClientId, Window
from schema.source.request_context import Caller, Credential, Priority, RequestContext
from schema.source.writes import ClientPatch, NewClient
from tests.upstream.recovery.conftest import URL, Fate, Unlucky

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio

NEW = NewClient("Ottoline", "Lee", "buyer", idempotency_key="one click")
ALL = ClientFilter()
ROWS = Window(0, 100)
MOST_STEPS = 400
"""Steps of the event loop in which every one of these writes has ended."""


@dataclass
class Gateway:
    """The parts of the gateway that a write passes, before a sandbox."""

    fates: list[Fate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sandbox = Sandbox()
        self.wire = Unlucky(self.sandbox, self.fates)
        self.database = Database()
        self.tasks = DetachedTasks()
        rest = RestClientSource(self.wire, URL)
        self.source = CachingClientSource(
            rest,
            IdempotentWriter(
                rest,
                RecoveringWriter(rest),
                IdempotencyStore(self.database),
                secret=b"s",
                clock=time.monotonic,
            ),
            MemoryStore(clock=time.monotonic),
            write_cost=write_cost,
            tasks=self.tasks,
            clock=time.monotonic,
        )
        self.id = ClientId(self.sandbox.rows_of(ADA)[0]["id"])

    @property
    def operation(self) -> RequestContext:
        caller = Caller(ADA.name, Credential("X-API-Key", ADA.api_key))
        return RequestContext(caller, time.monotonic() + 1e9)

    async def create(self) -> None:
        await self.source.create(self.operation, NEW)

    async def update(self) -> None:
        patch = ClientPatch({"email": "new@example.com"})
        await self.source.update(self.operation, self.id, patch)

    async def delete(self) -> None:
        await self.source.delete(self.operation, self.id)

    async def rows(self) -> dict[str, Any]:
        """What the caller's next read of its list shows."""
        page = await self.source.read_page(self.operation, ALL, ROWS, FIELDS)
        return {record.id: record.email for record in page.records}

    @property
    def truth(self) -> dict[str, Any]:
        return {row["id"]: row.get("email") for row in self.sandbox.rows_of(ADA)}

    @property
    def writes(self) -> list[str]:
        return [call for call in self.sandbox.calls if not call.startswith("GET")]


async def left_at(step: int, write: Callable[[], Awaitable[None]]) -> bool:
    """Begin a write and leave after so many steps of the loop; False if it had ended by then."""

    async def run() -> None:
        await write()

    caller = asyncio.create_task(run())
    for _ in range(step):
        await asyncio.sleep(0)
        if caller.done():
            return False
    caller.cancel()
    await asyncio.wait([caller])
    return caller.cancelled()


WRITES: dict[str, tuple[Callable[[Gateway], Callable[[], Awaitable[None]]], list[Fate]]] = {
    "a create": (lambda gateway: gateway.create, []),
    "a create whose answer is lost": (lambda gateway: gateway.create, ["answer lost"]),
    "an update": (lambda gateway: gateway.update, []),
    "an update whose answer is lost": (lambda gateway: gateway.update, ["answer lost"]),
    "a delete": (lambda gateway: gateway.delete, []),
    "a delete whose answer is lost": (lambda gateway: gateway.delete, ["answer lost"]),
}


@pytest.mark.parametrize("kind", WRITES)
async def test_whenever_a_caller_leaves_the_write_happens_once_and_is_seen(kind: str) -> None:
    write, fates = WRITES[kind]
    left = 0
    for step in range(1, MOST_STEPS):
        gateway = Gateway(list(fates))
        before = gateway.truth
        reading = asyncio.create_task(gateway.rows())
        await asyncio.sleep(0)
        went = await left_at(step, write(gateway))
        await gateway.tasks.aclose(10)
        await reading

        assert gateway.truth != before, f"left at step {step}: not done"
        assert len({call.split()[0] for call in gateway.writes}) == 1
        assert await gateway.rows() == gateway.truth, f"left at step {step}: not seen"
        await gateway.create()
        assert sum(row["first_name"] == "Ottoline" for row in gateway.sandbox.rows_of(ADA)) == 1
        await gateway.database.aclose()
        if not went:
            break
        left += 1
    else:
        pytest.fail("the write never ended")
    assert left > 2, "the caller never left while the write was under way"


async def test_a_gateway_that_stops_waits_for_its_writes() -> None:
    tasks, release = DetachedTasks(), asyncio.Event()
    left = asyncio.ensure_future(tasks.start(ended(release)))
    await asyncio.sleep(0)
    left.cancel()
    stopping = asyncio.create_task(tasks.aclose(10))
    await asyncio.sleep(0.01)
    waited = not stopping.done()
    release.set()
    await stopping

    assert waited


async def test_a_write_that_does_not_end_is_cancelled_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks = DetachedTasks()
    write = tasks.start(ended(asyncio.Event()))
    with caplog.at_level(logging.ERROR):
        await tasks.aclose(0.01)

    with pytest.raises(asyncio.CancelledError):
        await write
    assert caplog.messages == ["writes cancelled because they did not end in 0.01 s: 1"]


async def test_a_write_that_fails_after_its_caller_left_fails_quietly() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, it: complaints.append(it))
    tasks = DetachedTasks()
    caller = asyncio.ensure_future(tasks.start(failing()))
    await asyncio.sleep(0)
    caller.cancel()
    await tasks.aclose(10)
    await asyncio.sleep(0.01)

    assert complaints == []


async def ended(release: asyncio.Event) -> None:
    await release.wait()


async def failing() -> None:
    await asyncio.sleep(0.001)
    raise RuntimeError


async def test_the_client_is_read_as_it_is_after_a_write_whose_caller_left() -> None:
    gateway = Gateway()
    await gateway.source.fetch(gateway.operation, [gateway.id], FIELDS, Priority.INTERACTIVE)
    await left_at(2, gateway.update)
    await gateway.tasks.aclose(10)

    [record] = await gateway.source.fetch(
        gateway.operation, [gateway.id], FIELDS, Priority.INTERACTIVE
    )

    assert getattr(record, "email", None) == "new@example.com"
    assert gateway.writes == [f"PUT /clients/{gateway.id}"]
