"""A client pages while rows come and go: each row that stayed is shown once, at its price."""

from __future__ import annotations

import asyncio
import os
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from gateway.cache.store.keys import EntityKey, Partition
from schema.source.records import ClientFilter, ClientId
from schema.source.request_context import CacheDirectives
from schema.source.writes import ClientPatch, NewClient
from schema.types.client_connection import connection
from schema.types.page_arguments import window_for
from tests.cache.scripted import ANY, NAMES, Scripted, asking, caching, client, uuid

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cache.source import CachingClientSource
    from schema.source.protocols import ClientReader
    from schema.source.request_context import RequestContext
    from schema.source.writes import WriteResult

pytestmark = pytest.mark.anyio

ACTIVE = ClientFilter(status="active")
ACTIVE_BUYERS = ClientFilter("buyer", "active")
STEPS = int(os.environ.get("SCROLLS", "40"))
"""Seeds of the model test."""


class Scroller:
    """A client that pages by `hasNextPage` and `endCursor`, or back by their opposites."""

    def __init__(
        self, cached: ClientReader, where: ClientFilter, size: int, *, back: bool = False
    ) -> None:
        self.cached = cached
        self.where = where
        self.size = size
        self.back = back
        self.cursor: str | None = None
        self.done = False
        self.seen: list[str] = []
        self.drift = False

    async def page(self, *, fresh: bool = False) -> list[str]:
        """The next page's ids."""
        if self.back:
            window = window_for(None, None, self.size, self.cursor, None)
        else:
            window = window_for(self.size, self.cursor, None, None, None)
        operation = asking(freshness=CacheDirectives(no_cache=fresh))
        found = await self.cached.read_page(operation, self.where, window, NAMES)
        answer: Any = connection(window, found)
        info = answer.page_info
        ids = [record.id for record in answer.edges.records]
        self.drift |= operation.receipt.drift
        self.cursor = answer.edges.cursor(0 if self.back else -1) or self.cursor
        self.done = not (info.has_previous_page if self.back else info.has_next_page)
        self.seen = ids + self.seen if self.back else self.seen + ids
        return ids


def cache(source: Scripted) -> CachingClientSource:
    return caching(source)


def matching(source: Scripted, where: ClientFilter) -> list[str]:
    return [
        row.id
        for row in source.clients["ada"]
        if where.status in {None, row.status} and where.client_type in {None, row.client_type}
    ]


async def close(cached: CachingClientSource, id: str) -> None:
    await cached.update(asking(), ClientId(id), ClientPatch({"status": "closed"}))


async def delete(cached: CachingClientSource, id: str) -> None:
    await cached.delete(asking(), ClientId(id))


def closed_elsewhere(source: Scripted, id: str) -> None:
    rows = source.clients["ada"]
    rows[:] = [replace(r, status="closed", version=9) if r.id == id else r for r in rows]


@pytest.mark.parametrize("back", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("where", [ACTIVE, ACTIVE_BUYERS], ids=["active", "active buyers"])
@pytest.mark.parametrize("total", [60, 2500])
@pytest.mark.parametrize("gone", [1, 3, 7])
@pytest.mark.parametrize("how", [close, delete], ids=["closed", "deleted"])
async def test_after_the_rows_at_a_cursor_left_the_next_page_goes_on_where_they_stood(
    how: Callable[[CachingClientSource, str], Any],
    gone: int,
    total: int,
    where: ClientFilter,
    *,
    back: bool,
) -> None:
    source = Scripted({"ada": [client(n) for n in range(1, total + 1)]})
    cached = cache(source)
    scroller = Scroller(cached, where, 7, back=back)
    first = await scroller.page()
    all_ = matching(source, where)
    for id in first[:gone] if back else first[-gone:]:
        await how(cached, id)
    before = len(source.calls)

    second = await scroller.page()

    assert second == (all_[-14:-7] if back else all_[7:14])
    assert not scroller.drift
    assert len(source.calls) - before <= 1


@pytest.mark.parametrize("gone", [1, 3, 7])
async def test_a_cursor_outlives_its_rows_and_the_gateway_that_made_it(gone: int) -> None:
    source = Scripted({"ada": [client(n) for n in range(1, 60)]})
    old = cache(source)
    scroller = Scroller(old, ACTIVE, 10)
    first = await scroller.page()
    for id in first[-gone:]:
        await close(old, id)
    scroller.cached = cache(source)

    assert await scroller.page() == [uuid(n) for n in range(21, 41, 2)]
    assert not scroller.drift


async def test_rows_that_another_writer_took_are_passed_over_too() -> None:
    source = Scripted({"ada": [client(n) for n in range(1, 60)]})
    scroller = Scroller(cache(source), ACTIVE, 10)
    for id in (await scroller.page())[-3:]:
        closed_elsewhere(source, id)

    assert await scroller.page(fresh=True) == [uuid(n) for n in range(21, 41, 2)]


async def test_rows_put_in_before_a_cursor_move_the_next_page() -> None:
    source = Scripted({"ada": [client(n) for n in range(60, 0, -1)]})
    cached = cache(source)
    scroller = Scroller(cached, ANY, 10)
    await scroller.page()
    for _ in range(3):
        source.clients["ada"].insert(0, client(100 + len(source.clients["ada"])))

    assert await scroller.page(fresh=True) == [uuid(n) for n in range(50, 40, -1)]
    assert not scroller.drift


async def test_an_offset_counts_from_where_the_row_stood() -> None:
    source = Scripted({"ada": [client(n) for n in range(1, 60)]})
    cached = cache(source)
    scroller = Scroller(cached, ACTIVE, 10)
    first = await scroller.page()
    await close(cached, first[-1])
    window = window_for(3, scroller.cursor, None, None, 2)

    found: Any = connection(window, await cached.read_page(asking(), ACTIVE, window, NAMES))

    assert [record.id for record in found.edges.records] == [uuid(n) for n in (25, 27, 29)]


async def test_the_first_rows_before_a_cursor_are_the_lists_first_wherever_that_is_now() -> None:
    source = Scripted({"ada": [client(n) for n in range(60, 0, -1)]})
    cached = cache(source)
    scroller = Scroller(cached, ANY, 10)
    await scroller.page()
    for _ in range(3):
        source.clients["ada"].insert(0, client(100 + len(source.clients["ada"])))
    window = window_for(10, None, None, scroller.cursor, None)
    fresh = asking(freshness=CacheDirectives(no_cache=True))

    found: Any = connection(window, await cached.read_page(fresh, ANY, window, NAMES))

    assert [record.id for record in found.edges.records] == matching(source, ANY)[:10]
    assert found.page_info.has_next_page


async def test_between_two_cursors_pages_come_to_an_end() -> None:
    source = Scripted({"ada": [client(n) for n in range(1, 60)]})
    cached = cache(source)
    scroller = Scroller(cached, ANY, 20)
    await scroller.page()
    top, _ = scroller.cursor, await scroller.page()
    window = window_for(30, top, None, scroller.cursor, None)

    found: Any = connection(window, await cached.read_page(asking(), ANY, window, NAMES))

    assert len(found.edges.records) == 19
    assert not found.page_info.has_next_page


class NewestFirst(Scripted):
    """Lists new clients first."""

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create the client before all others."""
        written = await super().create(operation, new)
        rows = self.clients[operation.caller.partition]
        rows.insert(0, rows.pop())
        return written


class World:
    """A list that its own app, and at times another writer, changes between two pages."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = Random(seed)  # noqa: S311 - the same every time
        self.total = chance.choice([30, 90, 230, 1300])
        self.newest_first = chance.random() < 0.5
        numbers = range(1, self.total + 1)
        stamps = {
            n: f"2026-01-{1 + n // 1440:02d}T{n // 60 % 24:02d}:{n % 60:02d}:00Z" for n in numbers
        }
        rows = [client(n, created_at=stamps[n]) for n in numbers]
        kind = NewestFirst if self.newest_first else Scripted
        self.source = kind({"ada": rows[::-1] if self.newest_first else rows})
        self.source.made = self.made
        self.cached = cache(self.source)
        self.others = False
        self.unread = False
        """Whether the app changed a client that the gateway never read: its place is unknown."""
        self.created = self.total

    def made(self, row: Any) -> Any:
        """A new client, at the end where the list has new ones."""
        self.created += 1
        return replace(
            row, id=uuid(self.created), created_at="2026-02-01T00:00:00Z", status="active"
        )

    async def change(self, *, others: bool) -> None:
        """One change, of a row anywhere."""
        rows = self.source.clients["ada"]
        row = self.chance.choice(rows)
        kind = self.chance.choice(["close", "close", "reopen", "delete", "create", "rename"])
        if others:
            self.others = True
            if kind == "delete":
                rows.remove(row)
            elif kind in {"close", "reopen"}:
                status = "closed" if kind == "close" else "active"
                rows[rows.index(row)] = replace(row, status=status, version=9)
            return
        key = EntityKey(Partition(asking().caller), ClientId(row.id))
        held = self.cached._memory.client(key) is not None  # noqa: SLF001 - no read, so no call
        self.unread |= kind != "create" and not held
        if kind == "create":
            await self.cached.create(asking(), NewClient("New", "Last", "buyer"))
        elif kind == "delete":
            await delete(self.cached, row.id)
        else:
            status = {"close": "closed", "reopen": "active"}.get(kind, str(row.status))
            await self.cached.update(asking(), ClientId(row.id), ClientPatch({"status": status}))


@pytest.mark.parametrize("others", [False, True], ids=["alone", "with another writer"])
@pytest.mark.parametrize("seed", range(STEPS))
async def test_each_row_that_stayed_is_shown_exactly_once(seed: int, *, others: bool) -> None:
    world = World(seed)
    chance, where = world.chance, Random(seed).choice([ANY, ACTIVE, ACTIVE_BUYERS])  # noqa: S311
    size, back = chance.choice([3, 10, 25, 50]), chance.random() < 0.4
    scroller = Scroller(world.cached, where, size, back=back)
    stayed = set(matching(world.source, where))
    for _ in range(3 + 2 * world.total // size):
        await scroller.page(fresh=others or chance.random() < 0.2)
        stayed &= set(matching(world.source, where))
        if scroller.done:
            break
        for _ in range(chance.randrange(4)):
            await world.change(others=others and chance.random() < 0.5)
            stayed &= set(matching(world.source, where))
        if chance.random() < 0.2:
            await asyncio.sleep(chance.choice([5, 40, 400]))
    assert scroller.done, "it never ends"
    if world.others and scroller.drift:
        return
    assert world.unread or not scroller.drift
    once = [id for id in scroller.seen if id in stayed]
    assert sorted(once) == sorted(stayed)
