"""A source whose answers the test releases one by one, and which writes down the calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from gateway.api.lists.pagination import call_count
from gateway.cache.policy.filters import matches
from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MemoryStore
from gateway.detached_tasks import DetachedTasks
from gateway.writes.recovery import write_cost
from schema.source.errors import ClientError, NotFound
from schema.source.records import ClientFilter, ClientId, ClientRecord, Fields, Page, Window
from schema.source.request_context import (
    CacheDirectives,
    Caller,
    Credential,
    Priority,
    RequestContext,
)
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.cache.policy.freshness import CachePolicy, TypeFilter

ANY = ClientFilter()
NAMES: Fields = frozenset({"first_name", "last_name"})


def uuid(number: int) -> ClientId:
    return ClientId(f"00000000-0000-4000-8000-{number:012d}")


def client(number: int, **changes: object) -> ClientRecord:
    """A list row as the API page shows it, with a version."""
    record = ClientRecord(
        id=uuid(number),
        first_name=f"First {number}",
        last_name="Last",
        email=None,
        phone=None,
        client_type=("buyer", "seller", "both")[number % 3],
        status="active" if number % 2 else "inactive",
        source=None,
        budget_min=None,
        budget_max=None,
        version=1,
    )
    return replace(record, **changes)


_row = msgspec.json.Decoder(ClientRecord)


def whole_row(who: int, number: int, **changes: object) -> ClientRecord:
    """Decode a list row with every field of the API page, of a caller by number."""
    fields = {
        "id": f"{who:08}-{number:04}-4000-8000-000000000001",
        "user_id": f"{who:08}-0000-4000-8000-000000000000",
        "first_name": f"Michael {number}",
        "last_name": f"Torres {who}",
        "email": f"michael.torres.{number}@example.com",
        "phone": f"(661) 555-{number:04}",
        "client_type": "buyer",
        "status": "active",
        "source": "Zillow",
        "budget_min": 350_000 + number,
        "budget_max": 500_000 + number,
        "preferred_locations": ["Bakersfield", "Tehachapi"],
        "property_preferences": {"bedrooms_min": 3, "property_types": ["single_family", "condo"]},
        "pre_approved": True,
        "pre_approval_amount": 475_000.5,
        "notes": f"Prefers a quiet street; call after {number}.",
        "tags": ["hot", "first-time"],
        "version": 1 + number % 5,
        "created_at": "2026-07-15T14:32:10.000Z",
        "updated_at": "2026-07-15T14:32:10.000Z",
    }
    return _row.decode(msgspec.json.encode(fields | changes))


def caller(name: str = "ada") -> Caller:
    return Caller(name, Credential("X-API-Key", "secret of " + name))


def asking(
    who: str = "ada", *, deadline: float = 1e12, freshness: CacheDirectives | None = None
) -> RequestContext:
    return RequestContext(caller(who), deadline, freshness or CacheDirectives())


@dataclass
class Held:
    """A question that was sent and whose answer waits for the test."""

    call: str
    landed: asyncio.Future[None]

    async def land(self) -> None:
        self.landed.set_result(None)
        await settle()


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class Scripted:
    """An API whose answer is decided when the request arrives, and released by the test."""

    clients: dict[str, list[ClientRecord]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    failure: ClientError | None = None
    failures: dict[str, ClientError] = field(default_factory=dict)
    holding: bool = False
    held: list[Held] = field(default_factory=list)
    types: TypeFilter = "exact"
    deleted: int = 0
    """The highest number of a client that was deleted."""
    made: Callable[[ClientRecord], ClientRecord] = lambda row: row
    trimmed: Callable[[ClientRecord], ClientRecord] = lambda row: row
    detailed: Callable[[ClientRecord], ClientRecord] = lambda row: replace(
        row, notes="N", complete=True
    )

    def page_cost(self, window: Window) -> int:
        return call_count(window)

    async def read_page(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Page:
        rows = [
            self.trimmed(row)
            for row in self.clients.get(operation.caller.partition, [])
            if matches(where, row, self.types)
        ]
        start = len(rows) - window.offset - window.limit if window.from_end else window.offset
        start, stop = max(0, start), start + window.limit
        name = where.status or where.client_type
        filtered = f" {name}" if name else ""
        end = "end " if window.from_end else ""
        assert fields
        assert priority in {Priority.INTERACTIVE, Priority.REFRESH}
        await self._on_call(operation, f"list {end}{window.offset}+{window.limit}{filtered}")
        return Page(start, tuple(rows[start:stop]), len(rows))

    async def fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, priority: Priority
    ) -> Sequence[ClientRecord | ClientError]:
        assert fields
        assert priority in {Priority.INTERACTIVE, Priority.REFRESH}
        by_id = {row.id: row for row in self.clients.get(operation.caller.partition, [])}
        found: list[ClientRecord | ClientError] = [
            self.failures[id]
            if id in self.failures
            else self.detailed(by_id[id])
            if id in by_id
            else NotFound("No such client.")
            for id in ids
        ]
        await self._on_call(
            operation, "get " + " ".join(str(int(id[-12:])) for id in ids), len(ids)
        )
        return found

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        rows = self.clients.setdefault(operation.caller.partition, [])
        # An id is never given twice, as the API's are UUIDs.
        number = 1 + max([self.deleted, *(int(row.id[-12:]) for row in rows)])
        record = self.made(client(number, first_name=new.first_name, client_type=new.client_type))
        rows.append(record)
        await self._on_call(operation, "create")
        return WriteResult(record)

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        rows = self.clients[operation.caller.partition]
        [index] = [index for index, row in enumerate(rows) if row.id == id]
        version = rows[index].version
        bumped = version + 1 if isinstance(version, int) else version
        writes = rows[index].budget_max
        counted = writes + 1 if isinstance(writes, int) else writes
        rows[index] = replace(rows[index], **patch.fields, version=bumped, budget_max=counted)
        record = rows[index]
        await self._on_call(operation, f"update {int(id[-12:])}")
        return WriteResult(record)

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        rows = self.clients[operation.caller.partition]
        rows[:] = [row for row in rows if row.id != id]
        self.deleted = max(self.deleted, int(id[-12:]))
        await self._on_call(operation, f"delete {int(id[-12:])}")
        return Confirmation.ANSWER

    async def _on_call(self, operation: RequestContext, call: str, price: int = 1) -> None:
        self.calls.append(call)
        operation.receipt.calls += price
        failure = self.failure
        if self.holding:
            held = Held(call, asyncio.get_running_loop().create_future())
            self.held.append(held)
            await held.landed
        if failure is not None:
            raise failure


def caching(
    source: Scripted,
    *,
    clock: Callable[[], float] | None = None,
    store: MemoryStore | None = None,
    policy: CachePolicy | None = None,
    surplus: Callable[[], bool] = lambda: True,
) -> CachingClientSource:
    """A cache in front of this source, for its reads and its writes."""
    clock = clock or asyncio.get_running_loop().time
    return CachingClientSource(
        source,
        source,
        store or MemoryStore(clock=clock),
        write_cost=write_cost,
        tasks=DetachedTasks(),
        clock=clock,
        policy=policy,
        surplus=surplus,
    )
