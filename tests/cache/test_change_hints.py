"""An event from outside makes readings stale, and makes no caller wait."""

import asyncio

from gateway.cache.source import CachingClientSource
from schema.source.records import ClientFilter, Page, Window
from schema.source.request_context import RequestContext
from schema.source.writes import ClientPatch
from tests.cache.scripted import ANY, NAMES, Scripted, asking, client, settle, uuid

ONE, UNKNOWN = frozenset({uuid(1)}), frozenset({uuid(900)})
FIRST_PAGE = "list 0+100"


async def read(cached: CachingClientSource, operation: RequestContext) -> Page:
    return await cached.read_page(operation, ANY, Window(0, 3), NAMES)


async def test_a_reading_in_flight_when_the_event_arrives_is_returned_and_stale(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    during, after = asking(), asking()
    reading = asyncio.create_task(read(cached, during))
    await settle()
    cached.note_change("updated", ONE)
    source.holding = False
    await source.held[0].land()

    assert (await reading).records[0] == client(1)
    assert source.calls == [FIRST_PAGE]
    await read(cached, after)
    assert (during.receipt.stale, after.receipt.stale) == (True, True)
    assert (during.receipt.calls, after.receipt.calls) == (1, 0)
    await settle()
    assert source.calls == [FIRST_PAGE] * 2


async def test_an_event_concerns_the_first_reading_of_a_caller_in_flight_too(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.holding = True
    during, after = asking(), asking()
    reading = asyncio.create_task(read(cached, during))
    await settle()
    cached.note_change("created", UNKNOWN)
    source.holding = False
    await source.held[0].land()
    await reading
    await read(cached, after)

    assert (during.receipt.stale, after.receipt.stale) == (True, True)
    await settle()
    assert source.calls == [FIRST_PAGE] * 2


async def test_a_reading_sent_after_the_event_is_fresh(
    cached: CachingClientSource, source: Scripted
) -> None:
    await read(cached, asking())
    cached.note_change("updated", ONE)
    await read(cached, asking())
    await settle()

    fresh = asking()
    await read(cached, fresh)
    await settle()

    assert fresh.receipt.stale is False
    assert source.calls == [FIRST_PAGE] * 2


async def test_many_events_before_the_next_request_cost_one_refresh(
    cached: CachingClientSource, source: Scripted
) -> None:
    await read(cached, asking())
    for number in range(1, 40):
        cached.note_change("unknown", frozenset({uuid(number)}))
    await settle()
    assert source.calls == [FIRST_PAGE]

    await read(cached, asking())
    await settle()

    assert source.calls == [FIRST_PAGE] * 2


async def test_the_event_of_an_own_write_does_not_clear_what_the_write_returned(
    cached: CachingClientSource, source: Scripted
) -> None:
    await read(cached, asking())
    source.holding = True
    writing = asyncio.create_task(
        cached.update(asking(), uuid(1), ClientPatch({"email": "new@example.com"}))
    )
    await settle()
    cached.note_change("updated", ONE)
    source.holding = False
    await source.held[0].land()
    await writing

    shown = (await read(cached, asking())).records[0]

    assert shown.email == "new@example.com"
    assert source.calls == [FIRST_PAGE, "update 1"]


async def test_other_callers_without_the_client_are_not_concerned_by_an_update(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["bob"] = [client(7)]
    await read(cached, asking("bob"))

    cached.note_change("updated", UNKNOWN)
    cached.note_change("deleted", UNKNOWN)
    unconcerned, concerned = asking("bob"), asking("bob")
    await read(cached, unconcerned)
    cached.note_change("created", UNKNOWN)
    await read(cached, concerned)

    assert (unconcerned.receipt.stale, concerned.receipt.stale) == (False, True)


async def test_an_update_of_an_unknown_client_may_move_it_into_filtered_lists_only(
    cached: CachingClientSource, source: Scripted
) -> None:
    source.clients["ada"] = [client(number) for number in range(1, 1_500)]
    window, active = Window(200, 3), ClientFilter(status="active")
    for where in (ANY, active):
        await cached.read_page(asking(), where, window, NAMES)

    cached.note_change("updated", UNKNOWN)
    everyone, filtered = asking(), asking()
    await cached.read_page(everyone, ANY, window, NAMES)
    await cached.read_page(filtered, active, window, NAMES)

    assert (everyone.receipt.stale, filtered.receipt.stale) == (False, True)
    assert (everyone.receipt.calls, filtered.receipt.calls) == (0, 0)


async def test_an_update_may_move_a_client_into_the_first_list_that_a_caller_reads(
    cached: CachingClientSource, source: Scripted
) -> None:
    buyers, window = ClientFilter(client_type="buyer"), Window(0, 3)
    source.holding = True
    during, after = asking(), asking()
    reading = asyncio.create_task(cached.read_page(during, buyers, window, NAMES))
    await settle()
    cached.note_change("updated", UNKNOWN)
    await source.held[0].land()
    await reading
    await cached.read_page(after, buyers, window, NAMES)

    assert source.calls[0] == "list 0+100 buyer"
    assert (during.receipt.stale, after.receipt.stale) == (True, True)
