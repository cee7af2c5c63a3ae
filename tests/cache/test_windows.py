import asyncio

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from gateway.cache.policy.freshness import CachePolicy, TypeFilter
from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MemoryStore
from schema.source.errors import Forbidden, RateLimited, Unauthenticated, Unavailable
from schema.source.records import ClientFilter, ClientRecord, Page, Window
from schema.source.request_context import CacheDirectives, Priority
from tests.cache.scripted import ANY, NAMES, Scripted, asking, caching, client, settle, uuid

pytestmark = pytest.mark.anyio

ACTIVE = ClientFilter(status="active")
BUYERS = ClientFilter(client_type="buyer")


def rows(*numbers: int) -> tuple[ClientRecord, ...]:
    return tuple(client(number) for number in numbers)


def another(
    source: Scripted, policy: CachePolicy, max_bytes: int = 64 << 20
) -> CachingClientSource:
    clock = asyncio.get_running_loop().time
    store = MemoryStore(clock=clock, max_bytes=max_bytes)
    return caching(source, store=store, policy=policy)


async def test_a_window_read_twice_costs_one_call(
    cached: CachingClientSource, source: Scripted
) -> None:
    first, again = asking(), asking()

    for operation in (first, again):
        assert await cached.read_page(operation, ANY, Window(0, 3), NAMES) == Page(
            0, rows(1, 2, 3), 42
        )

    assert source.calls == ["list 0+100"]
    assert (first.receipt.calls, first.receipt.saved, first.receipt.oldest_seconds) == (1, 0, None)
    assert (again.receipt.calls, again.receipt.saved, again.receipt.oldest_seconds) == (0, 1, 0.0)


async def test_rows_are_read_again_when_they_are_no_longer_fresh(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 3), NAMES)
    await asyncio.sleep(29)
    young = asking()
    await cached.read_page(young, ANY, Window(0, 3), NAMES)
    await asyncio.sleep(32)
    source.clients["ada"][0] = client(1, first_name="New", version=2)
    old = asking()
    page = await cached.read_page(old, ANY, Window(0, 1), NAMES)

    assert (young.receipt.oldest_seconds, young.receipt.stale) == (29.0, False)
    assert page.records == (client(1, first_name="New", version=2),)
    assert source.calls == ["list 0+100"] * 2


async def test_one_callers_rows_are_never_anothers(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["bob"] = [client(77)]
    await cached.read_page(asking("ada"), ANY, Window(0, 3), NAMES)

    assert await cached.read_page(asking("bob"), ANY, Window(0, 3), NAMES) == Page(0, rows(77), 1)
    assert source.calls == ["list 0+100"] * 2


async def test_a_whole_small_collection_answers_every_window_count_and_status(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 25), NAMES)

    assert await cached.read_page(asking(), ANY, Window(40, 25), NAMES) == Page(
        40, rows(41, 42), 42
    )
    assert await cached.read_page(asking(), ANY, Window(0, 2, from_end=True), NAMES) == Page(
        40, rows(41, 42), 42
    )
    assert await cached.read_page(asking(), ANY, Window(0, 0), NAMES) == Page(0, (), 42)
    assert await cached.read_page(asking(), ANY, Window(900, 5), NAMES) == Page(42, (), 42)
    assert await cached.read_page(asking(), ACTIVE, Window(1, 2), NAMES) == Page(1, rows(3, 5), 21)
    assert source.calls == ["list 0+100"]


async def test_a_type_filter_is_left_to_the_api_while_its_meaning_is_unknown(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 25), NAMES)
    page = await cached.read_page(asking(), BUYERS, Window(0, 2), NAMES)

    assert page == Page(0, rows(3, 6), 14)
    assert source.calls == ["list 0+100", "list 0+100 buyer"]


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [("exact", Page(0, rows(3, 6), 14)), ("includes_both", Page(0, rows(2, 3), 28))],
)
async def test_a_type_filter_whose_meaning_is_configured_is_answered_from_the_whole(
    source: Scripted, meaning: TypeFilter, expected: Page
) -> None:
    cached = another(source, CachePolicy(type_filter=meaning))
    await cached.read_page(asking(), ANY, Window(0, 25), NAMES)

    assert await cached.read_page(asking(), BUYERS, Window(0, 2), NAMES) == expected
    assert source.calls == ["list 0+100"]


async def test_a_filter_is_not_answered_from_rows_that_do_not_tell_its_field(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.trimmed = lambda row: replace(row, status=UNSET)
    await cached.read_page(asking(), ANY, Window(0, 25), NAMES)
    source.trimmed = lambda row: row

    assert (await cached.read_page(asking(), ACTIVE, Window(0, 1), NAMES)).total == 21
    assert source.calls == ["list 0+100", "list 0+100 active"]


async def test_only_missing_rows_are_read_and_in_one_call(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(n) for n in range(1, 2501)]
    await cached.read_page(asking(), ANY, Window(0, 100), NAMES)
    page = await cached.read_page(asking(), ANY, Window(80, 50), NAMES)

    assert page == Page(80, rows(*range(81, 131)), 2500)
    assert source.calls == ["list 0+100", "list 100+100"]


async def test_a_window_across_two_full_pages_costs_one_call_when_one_can_hold_it(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(n) for n in range(1, 2501)]

    assert (await cached.read_page(asking(), ANY, Window(90, 25), NAMES)).records == rows(
        *range(91, 116)
    )
    assert source.calls == ["list 90+25"]


async def test_a_large_collection_costs_one_call_for_each_hundred_rows(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(n) for n in range(1, 2501)]
    seen = [
        record.id
        for offset in range(0, 2500, 25)
        for record in (await cached.read_page(asking(), ANY, Window(offset, 25), NAMES)).records
    ]

    assert seen == [client(n).id for n in range(1, 2501)]
    assert len(source.calls) == 25


async def test_a_count_of_something_unknown_is_one_small_read(
    cached: CachingClientSource, source: Scripted
) -> None:
    assert (await cached.read_page(asking(), ANY, Window(0, 0), NAMES)).total == 42
    assert (await cached.read_page(asking(), ANY, Window(0, 0), NAMES)).total == 42
    assert source.calls == ["list 0+0"]


async def test_the_end_of_an_unknown_list_is_one_read(
    cached: CachingClientSource, source: Scripted
) -> None:
    assert await cached.read_page(asking(), ANY, Window(0, 2, from_end=True), NAMES) == Page(
        40, rows(41, 42), 42
    )
    assert source.calls == ["list end 0+2"]


async def test_ten_thousand_identical_misses_are_one_call(
    cached: CachingClientSource, source: Scripted
) -> None:
    operations = [asking() for _ in range(10_000)]
    pages = await asyncio.gather(
        *(cached.read_page(operation, ANY, Window(0, 25), NAMES) for operation in operations)
    )

    assert source.calls == ["list 0+100"]
    assert all(page == pages[0] for page in pages)
    assert sum(operation.receipt.calls for operation in operations) == 1
    assert sum(operation.receipt.joined for operation in operations) == 9_999


async def test_a_waiter_that_leaves_does_not_take_the_flight_with_it(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    first = asyncio.create_task(cached.read_page(asking(), ANY, Window(0, 1), NAMES))
    await settle()
    second = asyncio.create_task(cached.read_page(asking(), ANY, Window(0, 1), NAMES))
    await settle()
    first.cancel()
    await settle()
    await source.held[0].land()

    assert first.cancelled()
    assert (await second).records == rows(1)
    assert source.calls == ["list 0+100"]


async def test_a_flight_that_everybody_left_still_lands(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    alone = asyncio.create_task(cached.read_page(asking(), ANY, Window(0, 1), NAMES))
    await settle()
    alone.cancel()
    await settle()
    await source.held[0].land()

    assert (await cached.read_page(asking(), ANY, Window(0, 1), NAMES)).records == rows(1)
    assert source.calls == ["list 0+100"]


async def test_a_waiter_waits_no_longer_than_its_own_deadline(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    now = asyncio.get_running_loop().time()
    hasty = asyncio.create_task(
        cached.read_page(asking(deadline=now + 1), ANY, Window(0, 1), NAMES)
    )
    patient = asyncio.create_task(cached.read_page(asking(), ANY, Window(0, 1), NAMES))
    with pytest.raises(Unavailable) as caught:
        await hasty
    await source.held[0].land()

    assert caught.value.code == "UPSTREAM_TIMEOUT"
    assert (await patient).records == rows(1)
    assert source.calls == ["list 0+100"]


async def test_an_operation_with_no_time_left_sends_nothing(
    cached: CachingClientSource, source: Scripted
) -> None:
    with pytest.raises(Unavailable):
        await cached.read_page(asking(deadline=0), ANY, Window(0, 1), NAMES)

    assert source.calls == []


async def test_a_failed_flight_is_shared_and_not_remembered(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.failure = Unavailable("Down.")
    failed = await asyncio.gather(
        *(cached.read_page(asking(), ANY, Window(0, 1), NAMES) for _ in range(3)),
        return_exceptions=True,
    )
    source.failure = None

    assert failed == [failed[0]] * 3
    assert (await cached.read_page(asking(), ANY, Window(0, 1), NAMES)).records == rows(1)
    assert source.calls == ["list 0+100"] * 2


@pytest.mark.parametrize("failure", [Unavailable("Down."), RateLimited("Spent.", retry_after=9)])
async def test_old_rows_stand_in_for_an_api_that_does_not_answer(
    cached: CachingClientSource, source: Scripted, failure: Unavailable | RateLimited
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 1), NAMES)
    source.failure = failure
    await asyncio.sleep(299)
    operation = asking()

    assert (await cached.read_page(operation, ANY, Window(0, 1), NAMES)).records == rows(1)
    assert (operation.receipt.oldest_seconds, operation.receipt.stale) == (299.0, True)

    await asyncio.sleep(2)
    with pytest.raises(type(failure)):
        await cached.read_page(asking(), ANY, Window(0, 1), NAMES)


@pytest.mark.parametrize("refusal", [Unauthenticated("Who?"), Forbidden("No.")])
async def test_a_refused_caller_is_forgotten(
    cached: CachingClientSource, source: Scripted, refusal: Unauthenticated | Forbidden
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 1), NAMES)
    await asyncio.sleep(61)
    source.failure = refusal
    with pytest.raises(type(refusal)):
        await cached.read_page(asking(), ANY, Window(0, 1), NAMES)
    source.failure = Unavailable("Down.")
    with pytest.raises(Unavailable):
        await cached.read_page(asking(), ANY, Window(0, 1), NAMES)

    assert source.calls == ["list 0+100"] * 3


async def test_no_cache_asks_again_even_at_the_same_instant(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 1), NAMES)
    fresh = asking(freshness=CacheDirectives(no_cache=True))
    await cached.read_page(fresh, ANY, Window(0, 1), NAMES)

    assert source.calls == ["list 0+100"] * 2
    assert fresh.receipt.oldest_seconds is None


async def test_max_age_and_max_stale_move_the_bound(
    cached: CachingClientSource, source: Scripted
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 1), NAMES)
    await asyncio.sleep(20)
    await cached.read_page(asking(freshness=CacheDirectives(max_age=25)), ANY, Window(0, 1), NAMES)
    assert len(source.calls) == 1
    await cached.read_page(asking(freshness=CacheDirectives(max_age=10)), ANY, Window(0, 1), NAMES)
    assert len(source.calls) == 2
    await asyncio.sleep(50)
    operation = asking(freshness=CacheDirectives(max_stale=30))
    await cached.read_page(operation, ANY, Window(0, 1), NAMES)
    assert len(source.calls) == 2
    assert (operation.receipt.oldest_seconds, operation.receipt.stale) == (50.0, True)


@pytest.mark.parametrize(
    ("age", "directives", "calls_and_stale"),
    [
        (20, CacheDirectives(max_age=0, max_stale=300), (1, False)),
        (290, CacheDirectives(max_age=0, max_stale=300), (1, True)),
        (301, CacheDirectives(max_age=0, max_stale=300), (2, False)),
        (19, CacheDirectives(max_age=10, max_stale=10), (1, False)),
        (21, CacheDirectives(max_age=10, max_stale=10), (2, False)),
        (31, CacheDirectives(max_age=60), (2, False)),
        (31, CacheDirectives(max_age=60, max_stale=5), (1, True)),
        (36, CacheDirectives(max_age=60, max_stale=5), (2, False)),
        (301, CacheDirectives(max_stale=10_000), (2, False)),
        (1, CacheDirectives(no_cache=True, max_stale=300), (2, False)),
    ],
)
async def test_max_stale_counts_from_what_max_age_leaves_of_freshness(
    cached: CachingClientSource,
    source: Scripted,
    age: float,
    directives: CacheDirectives,
    calls_and_stale: object,
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 1), NAMES)
    await asyncio.sleep(age)
    operation = asking(freshness=directives)
    await cached.read_page(operation, ANY, Window(0, 1), NAMES)

    assert (len(source.calls), operation.receipt.stale) == calls_and_stale


@pytest.mark.parametrize(
    ("age", "directives", "answered"),
    [
        (299, CacheDirectives(), True),
        (20, CacheDirectives(max_age=10), False),
        (40, CacheDirectives(max_stale=5), False),
        (34, CacheDirectives(max_stale=5), True),
        (290, CacheDirectives(max_age=0, max_stale=300), True),
    ],
)
async def test_an_api_that_is_down_excuses_no_more_age_than_is_taken(
    cached: CachingClientSource,
    source: Scripted,
    age: float,
    directives: CacheDirectives,
    *,
    answered: bool,
) -> None:
    await cached.read_page(asking(), ANY, Window(0, 1), NAMES)
    await asyncio.sleep(age)
    source.failure = Unavailable("down")

    try:
        await cached.read_page(asking(freshness=directives), ANY, Window(0, 1), NAMES)
    except Unavailable:
        assert not answered
    else:
        assert answered


async def test_only_if_cached_never_asks(cached: CachingClientSource, source: Scripted) -> None:
    only = CacheDirectives(only_if_cached=True)
    with pytest.raises(Unavailable, match="only-if-cached"):
        await cached.read_page(asking(freshness=only), ANY, Window(0, 1), NAMES)
    await cached.read_page(asking(), ANY, Window(0, 1), NAMES)
    assert (await cached.read_page(asking(freshness=only), ANY, Window(0, 1), NAMES)).total == 42
    await asyncio.sleep(61)
    with pytest.raises(Unavailable, match="only-if-cached"):
        await cached.read_page(asking(freshness=only), ANY, Window(0, 1), NAMES)

    assert source.calls == ["list 0+100"]


async def test_rows_that_moved_between_two_reads_are_read_together(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(n) for n in range(1, 2501)]
    await cached.read_page(asking(), ANY, Window(0, 100), NAMES)
    source.clients["ada"].insert(0, client(9000))
    page = await cached.read_page(asking(), ANY, Window(80, 40), NAMES)

    assert page == Page(80, rows(*range(80, 120)), 2501)
    assert source.calls == ["list 0+100", "list 100+100", "list 80+40"]


async def test_rows_that_repeat_are_returned_once_and_the_receipt_says_so(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(1), client(1), client(2)]
    operation = asking()
    page = await cached.read_page(operation, ANY, Window(0, 3), NAMES)

    assert page == Page(0, rows(1, 2), 3)
    assert operation.receipt.drift
    assert len(source.calls) <= 2


async def test_a_store_too_small_to_hold_a_page_costs_no_more_calls(source: Scripted) -> None:
    cached = another(source, CachePolicy(), max_bytes=3000)

    assert (await cached.read_page(asking(), ANY, Window(0, 25), NAMES)).records == rows(
        *range(1, 26)
    )
    assert source.calls == ["list 0+100"]


async def test_old_details_do_not_ride_on_a_young_row_without_a_version(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.trimmed = lambda row: replace(row, version=UNSET)
    [detail] = await _notes(cached)
    await asyncio.sleep(61)
    page = await cached.read_page(asking(), ANY, Window(0, 1), NAMES)

    assert detail.notes == "N"
    assert page.records == (client(1, version=UNSET),)
    assert page.records[0].is_missing(frozenset({"notes"}))


async def _notes(cached: CachingClientSource) -> list[ClientRecord]:
    found = await cached.fetch(asking(), [uuid(1)], frozenset({"notes"}), Priority.INTERACTIVE)
    return [one for one in found if isinstance(one, ClientRecord)]
