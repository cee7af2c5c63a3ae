"""Without a cache every read is a request, and cursors still find where their rows stood."""

from __future__ import annotations

import pytest

from gateway.cache.uncached import UncachedClientSource
from gateway.detached_tasks import DetachedTasks
from gateway.writes.recovery import write_cost
from schema.source.cost import ListRequest
from schema.types.page_arguments import window_for
from tests.cache.scripted import ANY, NAMES, Scripted, asking, client, uuid
from tests.cache.test_scrolling import ACTIVE, Scroller, closed_elsewhere, matching

pytestmark = pytest.mark.anyio


def uncached(source: Scripted) -> UncachedClientSource:
    return UncachedClientSource(source, source, write_cost=write_cost, tasks=DetachedTasks())


def of(count: int) -> Scripted:
    return Scripted({"ada": [client(n) for n in range(1, count + 1)]})


@pytest.mark.parametrize("back", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("gone", [0, 1, 3, 6])
async def test_after_the_rows_at_a_cursor_left_the_next_page_goes_on_where_they_stood(
    gone: int, *, back: bool
) -> None:
    source = of(200)
    scroller = Scroller(uncached(source), ACTIVE, 10, back=back)
    first = await scroller.page()
    all_ = matching(source, ACTIVE)
    for id in first[:gone] if back else first[len(first) - gone :]:
        closed_elsewhere(source, id)
    before = len(source.calls)

    second = await scroller.page()

    assert second == (all_[-20:-10] if back else all_[10:20])
    assert not scroller.drift
    assert len(source.calls) - before == 1


async def test_rows_put_in_before_a_cursor_move_the_next_page() -> None:
    source = Scripted({"ada": [client(n) for n in range(60, 0, -1)]})
    scroller = Scroller(uncached(source), ANY, 10)
    await scroller.page()
    for _ in range(3):
        source.clients["ada"].insert(0, client(100 + len(source.clients["ada"])))

    assert await scroller.page() == [uuid(n) for n in range(50, 40, -1)]
    assert not scroller.drift


async def test_a_cursor_whose_row_is_far_from_its_place_is_reported_as_drift() -> None:
    source = of(200)
    scroller = Scroller(uncached(source), ANY, 10)
    await scroller.page()
    source.clients["ada"][:0] = [client(n) for n in range(1_000, 1_100)]

    await scroller.page()

    assert scroller.drift


async def test_the_price_of_a_page_after_a_cursor_allows_for_rows_that_moved() -> None:
    source = of(200)
    scroller = Scroller(uncached(source), ANY, 10)
    await scroller.page()
    windows = [
        window_for(10, None, None, None, None),
        window_for(10, scroller.cursor, None, None, None),
    ]

    first, next_one = uncached(source).estimate(
        asking(), [ListRequest(ANY, window, frozenset({"id"})) for window in windows]
    )

    assert (first.minimum, first.maximum) == (1, 1)
    assert (next_one.minimum, next_one.maximum) == (1, 2)


async def test_every_read_is_a_request() -> None:
    source = of(3)
    for _ in range(2):
        await uncached(source).read_page(
            asking(), ANY, window_for(2, None, None, None, None), NAMES
        )

    assert source.calls == ["list 0+2"] * 2
