"""After a caller's own write, a list page of a replica that lags does not take the write back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from gateway.cache.store.keys import EntityKey, Partition
from gateway.cache.store.own_writes import OwnWrites
from schema.source.errors import NotFound
from schema.source.records import ClientFilter, Page, Window
from schema.source.request_context import CacheDirectives, Caller, RequestContext
from schema.source.writes import ClientPatch, NewClient
from tests.cache.scripted import ANY, NAMES, Scripted, asking, caching, caller, client, uuid
from tests.cache.test_by_id import fetch

if TYPE_CHECKING:
    from gateway.cache.source import CachingClientSource

pytestmark = pytest.mark.anyio

ACTIVE, BUYERS = ClientFilter(status="active"), ClientFilter(client_type="buyer")
ROWS = Window(0, 100)
EVE = NewClient("Eve", "Last", "buyer")


class Lagging(Scripted):
    """Lists show the clients as they were when `lag` was called."""

    def lag(self) -> None:
        self.seen = {who: list(rows) for who, rows in self.clients.items()}

    async def read_page(self, *args: object, **more: object) -> Page:
        now, self.clients = self.clients, getattr(self, "seen", self.clients)
        reading = asyncio.ensure_future(super().read_page(*args, **more))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        self.clients = now
        return await reading


def lists(count: int, *, newest_first: bool = False) -> Lagging:
    """Clients in the order of their creation, or in the opposite one."""
    numbers = list(range(1, count + 1))
    rows = [client(n, created_at=f"2026-01-01T{n // 60:02d}:{n % 60:02d}:00Z") for n in numbers]
    source = Lagging({"ada": rows[::-1] if newest_first else rows})
    source.made = lambda row: replace(row, created_at="2026-02-01T00:00:00Z")
    return source


async def page(cached: CachingClientSource, where: ClientFilter = ANY) -> Page:
    """The list, read from the API in any case."""
    fresh = asking(freshness=CacheDirectives(no_cache=True))
    return await cached.read_page(fresh, where, ROWS, NAMES)


def numbers(page: Page) -> list[int]:
    return [int(record.id[-12:]) for record in page.records]


async def test_a_deleted_client_does_not_come_back() -> None:
    source = lists(20)
    cached = caching(source)
    await page(cached)
    source.lag()
    await cached.delete(asking(), uuid(7))

    shown = await page(cached)

    assert numbers(shown) == [n for n in range(1, 21) if n != 7]
    assert shown.total == 19
    assert isinstance((await fetch(cached, 7))[0], NotFound)
    assert source.calls == ["list 0+100", "delete 7", "list 0+100"]


@pytest.mark.parametrize("newest_first", [False, True], ids=["newest last", "newest first"])
async def test_a_created_client_stays_where_the_api_lists_new_ones(*, newest_first: bool) -> None:
    source = lists(20, newest_first=newest_first)
    cached = caching(source)
    before = numbers(await page(cached))
    source.lag()
    await cached.create(asking(), EVE)

    shown = await page(cached)

    assert numbers(shown) == ([21, *before] if newest_first else [*before, 21])
    assert shown.total == 21
    assert source.calls == ["list 0+100", "create", "list 0+100"]


async def test_a_created_client_is_shown_in_a_short_list_whose_order_is_unknown() -> None:
    source = lists(3)
    cached = caching(source)
    await page(cached)
    source.lag()
    await cached.create(asking(), EVE)

    assert numbers(await page(cached)) == [1, 2, 3, 4]


async def test_a_client_created_and_deleted_is_not_shown() -> None:
    source = lists(20)
    cached = caching(source)
    await page(cached)
    source.lag()
    written = await cached.create(asking(), EVE)
    await cached.delete(asking(), uuid(int(written.record.id[-12:])))

    assert numbers(await page(cached)) == list(range(1, 21))


async def test_a_client_created_and_changed_is_still_shown_as_changed() -> None:
    source = lists(20)
    cached = caching(source)
    await page(cached)
    source.lag()
    written = await cached.create(asking(), EVE)
    id = uuid(int(written.record.id[-12:]))
    await cached.update(asking(), id, ClientPatch({"email": "eve@example.org"}))

    [eve] = [row for row in (await page(cached)).records if row.id == id]

    assert eve.email == "eve@example.org"


async def test_a_client_that_was_closed_leaves_the_list_of_active_ones() -> None:
    source = lists(150)
    cached = caching(source)
    await page(cached, ACTIVE)
    source.lag()
    await cached.update(asking(), uuid(7), ClientPatch({"status": "closed"}))

    shown = await page(cached, ACTIVE)

    assert numbers(shown) == [n for n in range(1, 151) if n % 2 and n != 7]
    assert shown.total == 74


async def test_a_filter_shows_only_created_clients_that_it_matches() -> None:
    source = lists(20)
    cached = caching(source)
    await page(cached, ACTIVE)
    source.lag()
    await cached.create(asking(), EVE)  # number 21: active
    await cached.create(asking(), EVE)  # number 22: inactive

    assert numbers(await page(cached, ACTIVE)) == [n for n in range(1, 22) if n % 2]


async def test_thirty_seconds_after_a_write_the_list_is_believed() -> None:
    source = lists(20)
    cached = caching(source)
    await page(cached)
    source.lag()
    await cached.delete(asking(), uuid(7))
    await asyncio.sleep(31)

    assert numbers(await page(cached)) == list(range(1, 21))


async def test_a_deleted_client_does_not_come_back_after_a_hundred_other_writes() -> None:
    source = lists(180)
    cached = caching(source)
    await page(cached, ACTIVE)
    source.lag()
    await cached.delete(asking(), uuid(7))
    for number in range(8, 120):
        await cached.update(asking(), uuid(number), ClientPatch({"email": "new@example.org"}))

    assert 7 not in numbers(await page(cached, ACTIVE))


def test_a_write_is_held_only_as_long_as_a_reading_may_not_show_it() -> None:
    seconds = [0.0]
    writes = OwnWrites(lambda: seconds[0], lag=30)
    for seconds[0] in range(200):
        writes.note(EntityKey(Partition(caller()), str(seconds[0])), None, seconds[0])

    assert len(writes._writes) == 60  # noqa: SLF001 - what is held


async def test_where_the_api_lists_new_clients_is_learned_from_its_own_pages_alone() -> None:
    source = lists(3, newest_first=True)
    cached = caching(source)
    await page(cached)
    source.lag()
    await cached.create(asking(), EVE)
    assert numbers(await page(cached)) == [3, 2, 1, 4]
    await asyncio.sleep(61)
    source.clients = lists(20, newest_first=True).clients
    source.lag()
    await page(cached)

    await cached.create(asking(), EVE)

    shown = await cached.read_page(asking(), ANY, ROWS, NAMES)
    assert numbers(shown) == list(range(21, 0, -1))
    assert source.calls == ["list 0+100", "create"] + ["list 0+100"] * 2 + ["create"]


async def test_a_filter_by_type_is_not_learned_from_a_page_that_may_lack_a_created_client() -> None:
    source = lists(20)
    source.types = "includes_both"
    source.clients["ada"] = [replace(row, client_type="buyer") for row in source.clients["ada"]]
    cached = caching(source)
    await page(cached)
    source.lag()
    await cached.create(asking(), NewClient("Eve", "Last", "both"))
    await page(cached, BUYERS)
    await asyncio.sleep(61)
    source.lag()
    await page(cached)

    shown = await cached.read_page(asking(), BUYERS, ROWS, NAMES)

    assert numbers(shown) == list(range(1, 22))


async def test_a_list_that_does_not_lag_is_shown_as_it_is() -> None:
    source = lists(20)
    cached = caching(source)
    await page(cached)
    await cached.create(asking(), EVE)
    await cached.delete(asking(), uuid(7))

    shown = await page(cached)

    assert numbers(shown) == [n for n in range(1, 22) if n != 7]
    assert shown.total == 20


async def test_anothers_writes_change_no_list() -> None:
    source = lists(20)
    source.clients["bob"] = list(source.clients["ada"])
    cached = caching(source)
    await page(cached)
    await cached.delete(asking("bob"), uuid(7))

    assert numbers(await page(cached)) == list(range(1, 21))


async def test_an_update_of_a_client_that_is_not_found_hides_no_row_that_is_read_afterwards() -> (
    None
):
    """Nothing was written: the next list shows what the API shows."""
    source = lists(20)
    cached = caching(source)
    await page(cached)
    source.failure = NotFound("No such client.")
    with pytest.raises(NotFound):
        await cached.update(asking(), uuid(7), ClientPatch({"email": "new@example.com"}))
    source.failure = None

    assert numbers(await page(cached)) == list(range(1, 21))


async def test_a_write_by_an_unproven_token_is_kept_in_the_lists_of_its_user_too() -> None:
    source = lists(20)
    cached = caching(source)
    source.clients["a token"] = source.clients["ada"]
    await page(cached)
    source.lag()
    writer = replace_caller(asking("a token"), claimed="ada")
    await cached.delete(writer, uuid(7))
    await cached.create(writer, EVE)

    shown = await page(cached)

    assert numbers(shown) == [n for n in range(1, 22) if n != 7]
    assert source.calls[-1] == "list 0+100"


def replace_caller(operation: RequestContext, *, claimed: str) -> RequestContext:
    who = operation.caller
    operation.caller = Caller(who.partition, who.credential, claimed=claimed)
    return operation
