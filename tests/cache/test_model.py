"""The cache against a model, the API's answers landing in any order the machine likes."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import UNSET
from msgspec.structs import replace

from gateway.cache.store.memory import MemoryStore
from schema.source.errors import (
    ClientError,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.records import ClientFilter, ClientRecord, Window
from schema.source.request_context import CacheDirectives, Priority, RequestContext
from schema.source.writes import ClientPatch, NewClient
from tests.cache.scripted import Scripted, asking, caching, client, settle, uuid
from tests.clockwork import VirtualLoop

CALLERS = st.sampled_from(["ada", "ada", "ada", "bob"])
NUMBERS = st.sampled_from([1, 1, 1, 2, 3, 4])
FILTERS = st.sampled_from([ClientFilter(), ClientFilter(status="active")])
FIELDS = st.sampled_from([frozenset({"email"}), frozenset({"email", "notes"})])
PROMISED = 30.0


class Read:
    """One read under way, and what was certain when it was sent."""

    def __init__(
        self, operation: RequestContext, task: asyncio.Task[Any], certain: Certain, promise: int
    ) -> None:
        self.operation = operation
        self.task = task
        self.certain = certain
        self.promise = promise
        """Calls that it costs at most, where no write happens meanwhile."""
        self.writes = 0
        self.ids: list[str] = []


Certain = dict[str, "int | None"]
"""For each of a caller's clients, a version that is certainly written; None: surely deleted."""


class CacheAgainstModel(RuleBasedStateMachine):
    """Callers read and write while answers land, clocks move and the API fails."""

    @initialize(
        size=st.sampled_from([64 << 20, 64 << 20, 6_000]),
        versioned=st.booleans(),
        refreshing=st.booleans(),
    )
    def start(self, size: int, *, versioned: bool, refreshing: bool) -> None:
        self.versioned = versioned
        self.refreshing = refreshing
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.loop = self.runner.get_loop()
        self.source = Scripted(
            {who: [self.person(who, n) for n in range(1, 5)] for who in ("ada", "bob")}
        )
        self.source.holding = True
        self.size = size
        self.store = MemoryStore(clock=self.loop.time, max_bytes=size, share=0.5)
        self.cached = caching(
            self.source,
            store=self.store,
            clock=self.loop.time,
            surplus=lambda: self.refreshing,
        )
        self.under_way = 0
        self.answered: list[Read] = []
        self.writes: list[asyncio.Task[Any]] = []
        self.certain: dict[str, Certain] = {
            who: {uuid(n): 1 for n in range(1, 5)} for who in ("ada", "bob")
        }
        self.floors: dict[tuple[str, str], int] = {}
        self.written: dict[str, int] = {"ada": 0, "bob": 0}
        self.deleted: set[tuple[str, str]] = set()

    def person(self, who: str, number: int) -> ClientRecord:
        """`budget_max` counts the writes, also where the API does not tell the version."""
        version = 1 if self.versioned else UNSET
        return client(number, created_at=who, budget_max=1, version=version)

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def watch(self, read: Read) -> None:
        """Reads are checked in the order in which they were answered."""
        self.under_way += 1
        read.writes = self.written[read.operation.caller.partition]

        def answered(_: object) -> None:
            self.under_way -= 1
            self.answered.append(read)

        read.task.add_done_callback(answered)
        self.run(settle())
        self.look()

    def spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        return self.loop.create_task(coroutine)

    @rule(who=CALLERS, where=FILTERS, offset=st.integers(0, 3), limit=st.integers(0, 4))
    def read_a_window(self, who: str, where: ClientFilter, offset: int, limit: int) -> None:
        operation = asking(who)
        certain = dict(self.certain[who])
        window = Window(offset, limit)
        task = self.spawn(self.cached.read_page(operation, where, window, frozenset({"email"})))
        # One for the list, one more where the first page of all was read in hope of the whole,
        # and one where what was read contradicts what was remembered.
        self.watch(Read(operation, task, certain, promise=3))

    @rule(who=CALLERS, numbers=st.sets(NUMBERS, min_size=1), fields=FIELDS, fresh=st.booleans())
    def read_by_id(
        self, who: str, numbers: set[int], fields: frozenset[str], *, fresh: bool
    ) -> None:
        operation = asking(who, freshness=CacheDirectives(no_cache=fresh))
        certain = dict(self.certain[who])
        ids = [uuid(number) for number in sorted(numbers)]
        task = self.spawn(self.cached.fetch(operation, ids, fields, Priority.INTERACTIVE))
        read = Read(operation, task, certain, promise=1 + len(ids))
        read.ids = list(ids)
        self.watch(read)

    @rule(who=CALLERS, number=NUMBERS, status=st.sampled_from(["active", "inactive"]))
    def update(self, who: str, number: int, status: str) -> None:
        self.write(who, number, ClientPatch({"status": status}))

    @rule(who=CALLERS)
    def create(self, who: str) -> None:
        rows, counted = self.source.clients[who], self.versioned
        self.source.made = lambda row: replace(
            row, created_at=who, budget_max=1, version=1 if counted else UNSET
        )
        self.written[who] += 1
        task = self.spawn(self.cached.create(asking(who), NewClient("New", "Last", "buyer")))
        self.run(settle())
        id = rows[-1].id

        def done(task: asyncio.Task[Any]) -> None:
            self.written[who] += 1
            if task.exception() is None:
                self.certain[who].setdefault(id, 1)

        task.add_done_callback(done)
        self.writes.append(task)

    @rule(who=CALLERS, number=NUMBERS)
    def delete(self, who: str, number: int) -> None:
        self.write(who, number, None)

    def write(self, who: str, number: int, patch: ClientPatch | None) -> None:
        id, rows = uuid(number), self.source.clients[who]
        if not any(row.id == id for row in rows):
            return
        self.written[who] += 1
        if patch is None:
            self.deleted.add((who, id))
            task = self.spawn(self.cached.delete(asking(who), id))
        else:
            task = self.spawn(self.cached.update(asking(who), id, patch))
        self.run(settle())
        version = next((row.budget_max for row in rows if row.id == id), None)

        def done(task: asyncio.Task[Any]) -> None:
            self.written[who] += 1
            lost = task.exception()
            if lost is None or isinstance(lost, WriteUnconfirmed | Unavailable):
                held = self.certain[who].get(id, 0)
                if version is None or held is None:
                    self.certain[who][id] = None
                elif isinstance(version, int):
                    self.certain[who][id] = max(held, version)

        task.add_done_callback(done)
        self.writes.append(task)

    @precondition(lambda self: self.source.held)
    @rule(data=st.data())
    def land(self, data: st.DataObject) -> None:
        waiting = [held for held in self.source.held if not held.landed.done()]
        if waiting:
            self.run(data.draw(st.sampled_from(waiting)).land())
        self.look()

    @rule(seconds=st.sampled_from([1, 20, 31, 200]))
    def wait(self, seconds: int) -> None:
        self.run(asyncio.sleep(seconds))
        self.look()

    @rule(
        failure=st.sampled_from(
            [
                None,
                None,
                None,
                Unavailable("Down."),
                RateLimited("Spent.", retry_after=1),
                WriteUnconfirmed("Perhaps.", attempt_id="a"),
                Unauthenticated("Not now."),
            ]
        )
    )
    def the_next_answers_fail_like(self, failure: ClientError | None) -> None:
        self.source.failure = failure

    def look(self) -> None:
        """Check every read that has been answered."""
        while self.answered:
            read = self.answered.pop(0)
            if read.task.exception() is not None:
                assert isinstance(read.task.exception(), ClientError)
                continue
            results = read.task.result()
            self.check(read, results if isinstance(results, list) else list(results.records))
        self.writes = [task for task in self.writes if not task.done()]

    def check(self, read: Read, result: list[ClientRecord | ClientError]) -> None:
        who = read.operation.caller.partition
        age = read.operation.receipt.oldest_seconds or 0
        assert age <= 300
        assert age <= PROMISED or read.operation.receipt.stale
        quiet = read.writes == self.written[who] and not self.refreshing
        assert not quiet or read.operation.receipt.calls <= read.promise, "dearer than promised"
        for id, one in zip(read.ids, result, strict=False):
            certain = read.certain.get(id)
            if isinstance(one, NotFound) and certain is not None:
                assert (who, id) in self.deleted, "a client that certainly exists"
        records = [one for one in result if isinstance(one, ClientRecord)]
        assert len({record.id for record in records}) == len(records)
        for record in records:
            assert record.created_at == who, "another caller's client"
            version = record.budget_max
            assert isinstance(version, int)
            certain = read.certain.get(record.id)
            assert record.id not in read.certain or certain is not None, "a deleted client"
            assert certain is None or version >= certain, "older than an own write"
            if self.versioned:
                assert version >= self.floors.get((who, record.id), 0), "a version went back"
                self.floors[who, record.id] = version

    @invariant()
    def the_store_keeps_to_its_bound(self) -> None:
        assert self.store.held_bytes <= self.size

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        for _ in range(100):
            waiting = [held for held in self.source.held if not held.landed.done()]
            if not waiting:
                break
            self.run(waiting[0].land())
        self.run(settle())
        self.look()
        assert self.under_way == 0
        self.runner.close()


CacheAgainstModel.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None
)
TestCacheAgainstModel = CacheAgainstModel.TestCase
