import asyncio
from collections.abc import Sequence

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from gateway.cache.source import CachingClientSource
from schema.source.errors import ClientError, Forbidden, NotFound, RateLimited, Unavailable
from schema.source.records import ClientRecord, Fields, Window
from schema.source.request_context import CacheDirectives, Priority, RequestContext
from tests.cache.scripted import ANY, NAMES, Scripted, asking, client, settle, uuid

pytestmark = pytest.mark.anyio

NOTES: Fields = frozenset({"notes"})


async def fetch(
    cached: CachingClientSource,
    *numbers: int,
    fields: Fields = NAMES,
    operation: RequestContext | None = None,
) -> Sequence[ClientRecord | ClientError]:
    ids = [uuid(number) for number in numbers]
    return await cached.fetch(operation or asking(), ids, fields, Priority.INTERACTIVE)


def detail(number: int) -> ClientRecord:
    return client(number, notes="N", complete=True)


async def test_a_client_read_twice_costs_one_call(
    cached: CachingClientSource, source: Scripted
) -> None:
    again = asking()
    assert await fetch(cached, 1) == [detail(1)]
    assert await fetch(cached, 1, fields=NOTES, operation=again) == [detail(1)]
    assert source.calls == ["get 1"]
    assert (again.receipt.calls, again.receipt.saved) == (0, 1)


async def test_answers_come_in_request_order_with_absences_in_their_place(
    cached: CachingClientSource, source: Scripted
) -> None:
    found = await fetch(cached, 3, 99, 1, fields=NOTES)

    assert [found[0], found[2]] == [detail(3), detail(1)]
    assert isinstance(found[1], NotFound)
    assert source.calls == ["get 3 99 1"]


async def test_an_absence_is_believed_for_five_seconds(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 99)
    await asyncio.sleep(4)
    assert isinstance((await fetch(cached, 99))[0], NotFound)
    assert source.calls == ["get 99"]
    await asyncio.sleep(2)
    source.clients["ada"].append(client(99))
    assert await fetch(cached, 99) == [detail(99)]


async def test_twenty_of_forty_two_clients_cost_one_call(
    cached: CachingClientSource, source: Scripted
) -> None:
    assert list(await fetch(cached, *range(1, 21))) == [client(n) for n in range(1, 21)]
    assert source.calls == ["list 0+100"]


async def test_fields_that_rows_lack_are_read_as_details(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 25), NAMES)
    assert list(await fetch(cached, 1, 2, 3, fields=NOTES)) == [detail(1), detail(2), detail(3)]
    assert list(await fetch(cached, 1, 2, 3, fields=NOTES)) == [detail(1), detail(2), detail(3)]
    assert source.calls == ["list 0+100", "get 1 2 3"]


async def test_a_row_of_the_same_version_keeps_a_detail_complete(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1, fields=NOTES)
    await asyncio.sleep(20)
    await cached.read_page(asking(), ANY, Window(0, 25), NAMES)
    await asyncio.sleep(20)
    operation = asking()

    assert await fetch(cached, 1, fields=NOTES, operation=operation) == [detail(1)]
    assert operation.receipt.oldest_seconds == 20.0
    assert source.calls == ["get 1", "list 0+100"]


async def test_the_rows_of_a_list_are_known_by_id(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 25), NAMES)

    assert await fetch(cached, 1, 42) == [client(1), client(42)]
    assert source.calls == ["list 0+100"]


async def test_in_a_large_collection_one_page_is_tried_before_details(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(n) for n in range(1, 2501)]

    assert await fetch(cached, 1, 2000, 2400) == [client(1), detail(2000), detail(2400)]
    assert source.calls == ["list 0+100", "get 2000 2400"]
    assert await fetch(cached, 2001, 2401) == [detail(2001), detail(2401)]
    assert source.calls[2:] == ["get 2001 2401"]


async def test_a_known_client_grown_old_is_read_with_its_whole_list(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 25), NAMES)
    await asyncio.sleep(61)
    assert await fetch(cached, 7) == [client(7)]
    assert await fetch(cached, 8) == [client(8)]
    assert source.calls == ["list 0+100"] * 2


async def test_rows_trimmed_below_the_documented_ones_stop_the_sweeping(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.trimmed = lambda row: replace(row, last_name=UNSET)
    assert await fetch(cached, 1, 2) == [detail(1), detail(2)]
    assert await fetch(cached, 3, 4) == [detail(3), detail(4)]
    assert source.calls == ["list 0+100", "get 1 2", "get 3 4"]


async def test_concurrent_reads_of_a_client_share_its_call(
    cached: CachingClientSource, source: Scripted
) -> None:
    operations = [asking() for _ in range(3)]
    requests = zip([(1,), (1, 2), (2,)], operations, strict=True)
    found = await asyncio.gather(
        *(fetch(cached, *numbers, fields=NOTES, operation=one) for numbers, one in requests)
    )

    assert found == [[detail(1)], [detail(1), detail(2)], [detail(2)]]
    assert source.calls == ["get 1", "get 2"]
    assert [operation.receipt.joined for operation in operations] == [0, 1, 1]


async def test_one_failed_client_leaves_the_others(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.failures[uuid(2)] = down = Unavailable("Down.")
    assert await fetch(cached, 1, 2, fields=NOTES) == [detail(1), down]


async def test_an_old_client_stands_in_for_an_api_that_does_not_answer(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1, 2, fields=NOTES)
    await asyncio.sleep(200)
    source.failures[uuid(1)] = RateLimited("Spent.", retry_after=5)
    source.failures[uuid(3)] = RateLimited("Spent.", retry_after=5)
    operation = asking()
    found = await fetch(cached, 1, 3, fields=NOTES, operation=operation)

    assert found == [detail(1), source.failures[uuid(3)]]
    assert (operation.receipt.oldest_seconds, operation.receipt.stale) == (200.0, True)


async def test_nothing_replaces_an_answer_that_no_cache_requested(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1)
    source.failure = Unavailable("Down.")
    found = await fetch(cached, 1, operation=asking(freshness=CacheDirectives(no_cache=True)))

    assert found == [source.failure]


async def test_a_refused_detail_makes_the_caller_forgotten(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1, fields=NOTES)
    source.failures[uuid(2)] = Forbidden("No.")
    await fetch(cached, 2, fields=NOTES)
    await fetch(cached, 1, fields=NOTES)

    assert source.calls == ["get 1", "get 2", "get 1"]


async def test_only_if_cached_never_asks_for_a_client(
    cached: CachingClientSource, source: Scripted
) -> None:
    only = asking(freshness=CacheDirectives(only_if_cached=True))
    [found] = await fetch(cached, 1, operation=only)

    assert isinstance(found, Unavailable)
    assert source.calls == []


async def test_an_answer_that_was_overtaken_does_not_bring_an_older_version_back(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    slow = asyncio.create_task(fetch(cached, 1, fields=NOTES))
    await settle()
    source.clients["ada"][0] = client(1, version=2)
    quick = asyncio.create_task(cached.read_page(asking(), ANY, Window(0, 1), NAMES))
    await settle()
    await source.held[1].land()
    assert (await quick).records == (client(1, version=2),)
    source.holding = False
    await source.held[0].land()

    [found] = await slow
    assert found == client(1, version=2, notes="N", complete=True)
    assert source.calls == ["get 1", "list 0+100", "get 1"]


async def test_a_cached_client_is_not_returned_older_than_another_answer_meanwhile(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1)
    source.holding = True
    both = asyncio.create_task(fetch(cached, 1, 99, fields=NOTES))
    await settle()
    source.clients["ada"][0] = client(1, version=2)
    no_cache = asking(freshness=CacheDirectives(no_cache=True))
    fresh = asyncio.create_task(fetch(cached, 1, fields=NOTES, operation=no_cache))
    await settle()
    await source.held[1].land()
    newest = client(1, version=2, notes="N", complete=True)
    assert await fresh == [newest]
    await source.held[0].land()

    assert (await both)[0] == newest
    assert source.calls == ["get 1", "get 99", "get 1"]


async def test_clients_that_different_requests_find_stale_are_read_together(
    cached: CachingClientSource, source: Scripted
) -> None:
    for number in range(1, 7):
        await fetch(cached, number)
    source.calls.clear()
    await asyncio.sleep(40)

    await asyncio.gather(*(fetch(cached, number) for number in range(1, 7)))
    await asyncio.gather(*(fetch(cached, number) for number in range(1, 7)))  # while they are read
    await settle()

    assert source.calls == ["list 0+100"]
    again = asking()
    await asyncio.gather(*(fetch(cached, number, operation=again) for number in range(1, 7)))
    assert (again.receipt.saved, again.receipt.oldest_seconds) == (6, 0.0)


async def test_one_client_found_stale_by_many_is_read_once(
    cached: CachingClientSource, source: Scripted
) -> None:
    await fetch(cached, 1)
    await asyncio.sleep(40)

    await asyncio.gather(*(fetch(cached, 1) for _ in range(6)))
    await settle()

    assert source.calls == ["get 1", "get 1"]
