"""Two writers on one client, in every order their requests and answers can take."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.source import RestClientSource
from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MemoryStore
from gateway.detached_tasks import DetachedTasks
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DemoUser
from gateway.transport.errors import ReadError
from gateway.writes.recovery import RecoveringWriter, write_cost
from schema.source.errors import ClientError, Conflict, WriteUnconfirmed
from schema.source.records import FIELDS, ClientId, ClientRecord
from schema.source.request_context import (
    CacheDirectives,
    Caller,
    Credential,
    Priority,
    RequestContext,
)
from schema.source.writes import ClientPatch, WriteResult
from tests.clockwork import VirtualLoop, virtually
from tests.in_process import InProcess
from tests.wires import CoroutineTransport

if TYPE_CHECKING:
    from gateway.transport.messages import Request, Response

ORDERS = int(os.environ.get("TWO_WRITERS", "300"))
OFFICE = DemoUser("Office", 1)
WRITABLE = ("email", "phone", "status")
ARRIVES = 0.8
"""How likely a request, or its answer, arrives."""


@dataclass
class Applied:
    """A change the API carried out: what it set, and what stood there before."""

    sent: dict[str, Any]
    before: dict[str, Any]


@dataclass
class Attempt:
    """One requested change: what its author had read, and how it ended."""

    patch: ClientPatch
    seen: ClientRecord
    end: WriteResult | ClientError

    @property
    def mark(self) -> object:
        """A value that no other change sets."""
        return self.patch.fields.get("email") or self.patch.fields.get("phone")


@dataclass
class Stepwise(CoroutineTransport):
    """Every request waits until it may arrive, and every answer until it may be sent."""

    sandbox: Sandbox
    waiting: list[asyncio.Future[bool]] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)

    async def handle(self, request: Request[Any]) -> Response:
        if not await self._turn():
            raise ReadError("it never arrived")
        [before] = self.sandbox.rows_of(OFFICE)
        answer = await InProcess(self.sandbox).send(request)
        if request.method == "PUT" and answer.is_success:
            self.applied.append(Applied(orjson.loads(request.content), before))
        if not await self._turn():
            raise ReadError("its answer was lost")
        return answer

    async def _turn(self) -> bool:
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        return bool(await turn)


@dataclass
class Office:
    """A gateway and two writers, who share a credential or have one each."""

    chance: Random
    merge: bool
    attempts: list[Attempt] = field(default_factory=list)

    async def play(self, loop: VirtualLoop) -> None:
        self.sandbox = Sandbox([OFFICE])
        self.id = ClientId(self.sandbox.rows_of(OFFICE)[0]["id"])
        self.wire = Stepwise(self.sandbox)
        rest = RestClientSource(self.wire, "http://api.test/v1")
        self.source = CachingClientSource(
            rest,
            RecoveringWriter(rest),
            MemoryStore(clock=loop.time),
            write_cost=write_cost,
            tasks=DetachedTasks(),
            clock=loop.time,
        )
        writers = [asyncio.create_task(self.work(name)) for name in "ab"]
        while not all(writer.done() for writer in writers):
            for _ in range(30):  # until nothing moves by itself
                await asyncio.sleep(0)
            if self.wire.waiting:
                index = self.chance.randrange(len(self.wire.waiting))
                self.wire.waiting.pop(index).set_result(self.chance.random() < ARRIVES)
        for writer in writers:
            writer.result()

    async def work(self, name: str) -> None:
        """Read the client and change it, a few times over."""
        alone = self.chance.random() < 0.5
        token = Credential("Authorization", f"Bearer {OFFICE.token}")
        key = Credential("X-API-Key", OFFICE.api_key)
        caller = Caller("b", token) if alone and name == "b" else Caller("a", key)
        for round in range(self.chance.randint(1, 3)):
            fresh = CacheDirectives(no_cache=self.chance.random() < 0.5)
            reading = RequestContext(caller, 1e12, fresh)
            [seen] = await self.source.fetch(reading, [self.id], FIELDS, Priority.INTERACTIVE)
            if isinstance(seen, ClientError):
                continue
            patch = self.change(seen, f"{name}{round}")
            try:
                end: Any = await self.source.update(RequestContext(caller, 1e12), self.id, patch)
            except ClientError as failure:
                end = failure
            self.attempts.append(Attempt(patch, seen, end))

    def change(self, seen: ClientRecord, mark: str) -> ClientPatch:
        values: dict[str, str | None] = {
            "email": f"{mark}@example.com",
            "phone": f"+1 661 555 {mark}",
            "status": self.chance.choice(["active", "inactive", "closed"]),
        }
        fields = {
            name: values[name] for name in self.chance.sample(WRITABLE, self.chance.randint(1, 3))
        }
        if fields.keys() == {"status"}:
            fields["email"] = values["email"]  # so that each change differs from all others
        assert isinstance(seen.version, int)
        return ClientPatch(fields, expected_version=seen.version, merge=self.merge)

    def check(self) -> None:
        for attempt in self.attempts:
            made = [one for one in self.wire.applied if attempt.mark in one.sent.values()]
            assert len(made) <= 1, "a change was made twice"
            assert self.truly_ended(attempt.end, made=bool(made)), attempt
            for one in made:
                for name, value in attempt.patch.fields.items():
                    replaced = one.before[name]
                    assert replaced in {getattr(attempt.seen, name), value}, "a lost update"

    def truly_ended(self, end: WriteResult | ClientError, *, made: bool) -> bool:
        if isinstance(end, WriteResult):
            return made and (self.merge or end.merged_over is None)
        if isinstance(end, Conflict):
            return end.maybe_written or not made
        return isinstance(end, WriteUnconfirmed) or not made


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Run once: nothing here depends on what executes an operation."""


@pytest.mark.parametrize("merge", [False, True], ids=["without MERGE", "with MERGE"])
@settings(max_examples=ORDERS)
@given(chance=st.randoms(use_true_random=True))
def test_no_update_is_ever_lost(chance: Random, *, merge: bool) -> None:
    office = Office(chance, merge)
    virtually(office.play)
    office.check()
