"""More callers than the bound has room for: who loses what is cached, and what that costs."""

import asyncio
import os

import pytest

from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MEBIBYTE, MemoryStore
from schema.source.records import Window
from tests.cache.scripted import ANY, NAMES, Scripted, asking, caching, whole_row

pytestmark = pytest.mark.anyio

CALLERS = int(os.environ.get("CACHED_CALLERS", "100"))
BOUND = 64 * MEBIBYTE * CALLERS // 10_000
"""The default bound, of 10,000 callers' part."""
ROWS = 60
EVERYONE = range(CALLERS)


@pytest.fixture
def source() -> Scripted:
    return Scripted(
        {f"{who}": [whole_row(who, number) for number in range(ROWS)] for who in EVERYONE}
    )


@pytest.fixture
async def store() -> MemoryStore:
    return MemoryStore(clock=asyncio.get_running_loop().time, max_bytes=BOUND)


@pytest.fixture
async def cached(source: Scripted, store: MemoryStore) -> CachingClientSource:
    return caching(source, store=store)


async def read(cached: CachingClientSource, who: int) -> int:
    """Read a caller's whole list, and return how many calls that cost."""
    operation = asking(f"{who}")
    page = await cached.read_page(operation, ANY, Window(0, ROWS), NAMES)
    assert len(page.records) == page.total == ROWS
    return operation.receipt.calls


async def test_the_callers_that_read_last_are_held_and_each_of_the_others_costs_one_call(
    cached: CachingClientSource, store: MemoryStore
) -> None:
    for who in EVERYONE:
        assert await read(cached, who) == 1
        assert store.held_bytes <= BOUND
    costs = [await read(cached, who) for who in reversed(EVERYONE)]

    held = costs.index(1)
    assert held >= CALLERS // 8
    assert costs == [0] * held + [1] * (CALLERS - held)


async def test_a_caller_that_reads_often_is_held_while_thousands_come_and_go(
    cached: CachingClientSource,
) -> None:
    for who in EVERYONE[1:]:
        await read(cached, who)
        await read(cached, 0)

    assert await read(cached, 0) == 0


async def test_a_caller_without_room_for_its_whole_list_is_still_answered(
    source: Scripted,
) -> None:
    store = MemoryStore(clock=asyncio.get_running_loop().time, max_bytes=20_000)
    cached = caching(source, store=store)

    assert [await read(cached, who) for who in (0, 1, 0)] == [1, 1, 1]
    assert store.held_bytes <= 20_000
