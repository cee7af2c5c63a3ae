"""Each fence has a test here that fails without it."""

import asyncio

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from gateway.cache.source import CachingClientSource
from schema.source.errors import (
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.records import ClientFilter, Window
from schema.source.writes import ClientPatch, NewClient
from tests.cache.scripted import ANY, NAMES, Scripted, asking, client, settle, uuid
from tests.cache.test_by_id import NOTES, detail, fetch

pytestmark = pytest.mark.anyio

RENAME = ClientPatch({"email": "new@example.org"})
RENAMED = client(1, email="new@example.org", version=2)
FIRST = Window(0, 1)


async def first_row(cached: CachingClientSource, who: str = "ada") -> object:
    [row] = (await cached.read_page(asking(who), ANY, FIRST, NAMES)).records
    return row


async def test_an_update_is_read_back_for_nothing(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1)
    written = await cached.update(asking(), uuid(1), RENAME)

    assert written.record == RENAMED
    assert await fetch(cached, 1) == [RENAMED]
    assert source.calls == ["get 1", "update 1"]


async def test_an_update_is_seen_in_every_list(cached: CachingClientSource) -> None:
    active = ClientFilter(status="active")
    await cached.read_page(asking(), ANY, FIRST, NAMES)
    await cached.read_page(asking(), active, FIRST, NAMES)
    await cached.update(asking(), uuid(1), ClientPatch({"status": "closed"}))

    assert (await cached.read_page(asking(), active, FIRST, NAMES)).records == (client(3),)
    assert (await cached.read_page(asking(), active, FIRST, NAMES)).total == 20


async def test_an_update_without_a_version_is_read_back_all_the_same(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(1, version=UNSET)]
    await fetch(cached, 1)
    await cached.update(asking(), uuid(1), RENAME)

    assert await fetch(cached, 1) == [replace(RENAMED, version=UNSET)]


async def test_a_deleted_client_is_gone_from_everywhere(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, FIRST, NAMES)
    await cached.delete(asking(), uuid(1))

    assert isinstance((await fetch(cached, 1))[0], NotFound)
    page = await cached.read_page(asking(), ANY, FIRST, NAMES)
    assert (page.records, page.total) == ((client(2),), 41)
    assert source.calls == ["list 0+100", "delete 1"]


async def test_a_created_client_is_known_and_counted(cached: CachingClientSource) -> None:
    await cached.read_page(asking(), ANY, FIRST, NAMES)
    written = await cached.create(asking(), NewClient("Eve", "Last", "buyer"))

    assert await fetch(cached, 43) == [written.record]
    assert (await cached.read_page(asking(), ANY, FIRST, NAMES)).total == 43


async def test_a_detail_sent_before_a_write_is_neither_returned_nor_kept(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(1, version=UNSET)]
    source.holding = True
    reading = asyncio.create_task(fetch(cached, 1))
    await settle()
    source.holding = False
    await cached.update(asking(), uuid(1), RENAME)
    await source.held[0].land()

    assert await reading == [replace(RENAMED, version=UNSET)]
    assert await fetch(cached, 1) == [replace(RENAMED, version=UNSET)]
    assert source.calls == ["get 1", "update 1"]


async def test_a_list_sent_before_a_write_is_neither_returned_nor_kept(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    reading = asyncio.create_task(first_row(cached))
    await settle()
    source.holding = False
    await cached.delete(asking(), uuid(1))
    await source.held[0].land()

    assert await reading == client(2)
    assert await first_row(cached) == client(2)


async def test_a_read_sent_during_a_write_is_not_kept_after_it(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(1, version=UNSET)]
    source.holding = True
    stale = asyncio.create_task(fetch(cached, 1))
    await settle()
    writing = asyncio.create_task(cached.update(asking(), uuid(1), RENAME))
    await settle()
    source.holding = False
    await source.held[1].land()
    await writing
    await source.held[0].land()

    assert await stale == [replace(RENAMED, version=UNSET)]


async def test_a_read_before_the_write_lands_while_the_write_is_under_way(
    cached: CachingClientSource, source: Scripted
) -> None:
    """The fence raised before sending: what was sent before it is not kept during it."""
    source.holding = True
    reading = asyncio.create_task(first_row(cached))
    await settle()
    writing = asyncio.create_task(cached.delete(asking(), uuid(1)))
    await settle()
    source.holding = False
    await source.held[0].land()

    assert await reading == client(2)
    await source.held[1].land()
    await writing
    assert source.calls == ["list 0+100", "delete 1", "list 0+1"]


async def test_a_read_after_a_write_never_joins_a_flight_from_before_it(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    before = asyncio.create_task(first_row(cached))
    await settle()
    source.holding = False
    await cached.delete(asking(), uuid(1))
    after = asyncio.create_task(first_row(cached))
    await settle()

    assert after.done()
    assert await after == client(2)
    await source.held[0].land()
    assert await before == client(2)


@pytest.mark.parametrize(
    "unknown",
    [WriteUnconfirmed("Perhaps.", attempt_id="a"), Unavailable("Down."), RuntimeError("?")],
)
async def test_after_an_unknown_outcome_nothing_is_believed(
    cached: CachingClientSource, source: Scripted, unknown: Exception
) -> None:
    await fetch(cached, 1)
    await first_row(cached)
    source.failure = unknown  # type: ignore[assignment]  # a bug below us is no Failure
    with pytest.raises(type(unknown)):
        await cached.update(asking(), uuid(1), RENAME)
    source.failure = None

    assert await fetch(cached, 1) == [replace(RENAMED, notes="N", complete=True)]
    assert await first_row(cached) == replace(RENAMED, notes="N", complete=True)


async def test_a_read_sent_before_an_unknown_outcome_is_not_kept(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(1, version=UNSET)]
    source.holding = True
    source.failure = WriteUnconfirmed("Perhaps.", attempt_id="a")
    writing = asyncio.create_task(cached.update(asking(), uuid(1), RENAME))
    await settle()
    source.failure = None
    source.clients["ada"] = [client(1, version=UNSET)]
    reading = asyncio.create_task(fetch(cached, 1))
    await settle()
    source.clients["ada"] = [replace(RENAMED, version=UNSET)]
    await source.held[0].land()
    with pytest.raises(WriteUnconfirmed):
        await writing
    source.holding = False
    await source.held[1].land()

    assert await reading == [replace(RENAMED, version=UNSET, notes="N", complete=True)]
    assert source.calls == ["update 1", "get 1", "get 1"]


@pytest.mark.parametrize("refusal", [InvalidInput("No."), RateLimited("Spent.", retry_after=3)])
async def test_a_write_that_did_not_happen_leaves_everything_known(
    cached: CachingClientSource, source: Scripted, refusal: ClientError
) -> None:
    await fetch(cached, 1, fields=NOTES)
    await first_row(cached)
    source.failure = refusal
    with pytest.raises(type(refusal)):
        await cached.update(asking(), uuid(1), RENAME)

    assert await fetch(cached, 1, fields=NOTES) == [detail(1)]
    assert source.calls == ["get 1", "list 0+100", "update 1"]


async def test_a_conflict_teaches_the_current_client(
    cached: CachingClientSource, source: Scripted
) -> None:
    current = client(1, version=7)
    await fetch(cached, 1)
    source.failure = Conflict("Changed.", current=current)
    with pytest.raises(Conflict):
        await cached.update(asking(), uuid(1), RENAME)

    assert await fetch(cached, 1) == [current]
    assert source.calls == ["get 1", "update 1"]


async def test_a_refused_write_makes_the_caller_forgotten(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1)
    source.failure = Forbidden("No.")
    with pytest.raises(Forbidden):
        await cached.update(asking(), uuid(1), RENAME)
    source.failure = None
    await fetch(cached, 1)

    assert source.calls == ["get 1", "update 1", "get 1"]


async def test_an_answer_under_way_is_not_kept_for_a_caller_refused_meanwhile(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    reading = asyncio.create_task(fetch(cached, 1))
    await settle()
    source.holding = False
    source.failures[uuid(2)] = Forbidden("No.")
    await fetch(cached, 2)
    source.failure = Forbidden("No.")
    await source.held[0].land()

    assert await reading == [source.failure]


async def test_an_absence_under_way_is_not_kept_for_a_caller_refused_meanwhile(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    reading = asyncio.create_task(fetch(cached, 99))
    await settle()
    source.holding = False
    source.failures[uuid(2)] = Forbidden("No.")
    await fetch(cached, 2)
    await source.held[0].land()

    assert isinstance((await reading)[0], NotFound)
    assert source.calls == ["get 99", "get 2", "get 99"]


async def test_of_two_writes_that_cross_neither_is_believed(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(1, version=UNSET)]
    source.holding = True
    one = asyncio.create_task(cached.update(asking(), uuid(1), ClientPatch({"phone": "1"})))
    await settle()
    two = asyncio.create_task(cached.update(asking(), uuid(1), ClientPatch({"phone": "2"})))
    await settle()
    await source.held[1].land()
    await source.held[0].land()
    await asyncio.gather(one, two)
    source.holding = False

    [found] = await fetch(cached, 1)
    assert found == client(1, version=UNSET, phone="2", notes="N", complete=True)


async def test_a_write_whose_asker_left_still_raises_its_fences(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1)
    source.holding = True
    writing = asyncio.create_task(cached.update(asking(), uuid(1), RENAME))
    await settle()
    writing.cancel()
    await settle()
    source.holding = False
    await source.held[0].land()

    assert await fetch(cached, 1) == [RENAMED]


async def test_one_callers_write_leaves_anothers_memory_alone(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["bob"] = [client(1)]
    await first_row(cached, "bob")
    await cached.update(asking(), uuid(1), RENAME)

    assert await first_row(cached, "bob") == client(1)
    assert source.calls == ["list 0+100", "update 1"]
