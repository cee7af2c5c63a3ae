"""What is remembered of whole answers, and what makes them be forgotten."""

import asyncio

import orjson
import pytest

from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MemoryStore
from schema.source.records import ClientFilter, Window
from schema.source.request_context import CacheDirectives, Priority, Receipt, RequestContext
from schema.source.writes import ClientPatch
from tests.cache.scripted import Scripted, asking, caching, client, settle, uuid

EMAIL = frozenset({"email"})
BODY = b'{"query":"..."}'


@pytest.fixture
def source() -> Scripted:
    return Scripted({"ada": [client(n) for n in range(1, 5)], "bob": [client(9)]})


@pytest.fixture
async def cached(source: Scripted) -> CachingClientSource:
    return caching(source)


async def answered(cached: CachingClientSource, who: str = "ada") -> RequestContext:
    """Ask for a page, and let the answer be remembered if it may be."""
    operation = asking(who)
    basis = cached.responses.basis(operation)
    await cached.read_page(operation, ClientFilter(), Window(0, 2), EMAIL)
    cached.responses.keep(operation, BODY, orjson.dumps({"who": who}), basis)
    return operation


async def known(cached: CachingClientSource, who: str = "ada") -> tuple[bytes, Receipt] | None:
    return cached.responses.find(asking(who).caller, BODY)


async def known_answer(cached: CachingClientSource, who: str = "ada") -> tuple[bytes, Receipt]:
    found = await known(cached, who)
    assert found is not None
    return found


async def test_an_answer_that_cost_a_call_is_not_kept_and_the_next_is(
    cached: CachingClientSource,
) -> None:
    await answered(cached)
    first = await known(cached)
    again = await answered(cached)
    data, receipt = await known_answer(cached)

    assert first is None
    assert data == b'{"who":"ada"}'
    assert (receipt.calls, receipt.saved) == (0, again.receipt.saved)


async def test_no_caller_gets_what_another_requested(cached: CachingClientSource) -> None:
    for _ in range(2):
        await answered(cached)

    assert await known(cached, "bob") is None


async def test_an_answer_is_returned_with_its_age_while_it_is_fresh(
    cached: CachingClientSource,
) -> None:
    for _ in range(2):
        await answered(cached)
    await asyncio.sleep(29)
    data, receipt = await known_answer(cached)
    await asyncio.sleep(2)

    assert data == b'{"who":"ada"}'
    assert receipt.oldest_seconds == pytest.approx(29, abs=0.01)
    assert await known(cached) is None


async def test_a_write_of_the_caller_ends_it_before_it_is_sent(
    cached: CachingClientSource, source: Scripted
) -> None:
    for _ in range(2):
        await answered(cached)
    source.holding = True
    write = asyncio.create_task(
        cached.update(asking("ada"), uuid(1), ClientPatch({"email": "new@example.com"}))
    )
    await settle()

    assert await known(cached) is None
    write.cancel()


async def test_anything_newly_read_for_the_caller_ends_it(cached: CachingClientSource) -> None:
    for _ in range(2):
        await answered(cached)
    operation = RequestContext(asking("ada").caller, 1e12, CacheDirectives(no_cache=True))

    await cached.fetch(operation, [uuid(1)], EMAIL, Priority.INTERACTIVE)

    assert await known(cached) is None


async def test_an_absence_is_not_remembered_for_as_long_as_a_client(
    cached: CachingClientSource,
) -> None:
    for _ in range(2):
        operation = asking("ada")
        basis = cached.responses.basis(operation)
        await cached.fetch(operation, [uuid(77)], EMAIL, Priority.INTERACTIVE)
        cached.responses.keep(operation, BODY, b'{"client":null}', basis)

    assert await known(cached) is None


async def test_an_answer_that_something_changed_under_is_not_kept(
    cached: CachingClientSource,
) -> None:
    await answered(cached)
    operation = asking("ada")
    basis = cached.responses.basis(operation)
    await cached.read_page(operation, ClientFilter(), Window(0, 2), EMAIL)
    await cached.fetch(
        RequestContext(operation.caller, 1e12, CacheDirectives(no_cache=True)),
        [uuid(1)],
        EMAIL,
        Priority.INTERACTIVE,
    )
    cached.responses.keep(operation, BODY, b"{}", basis)

    assert await known(cached) is None


async def test_what_needs_no_call_is_returned_to_every_caller_at_no_age(
    cached: CachingClientSource,
) -> None:
    operation = asking("ada")
    cached.responses.keep(
        operation, BODY, b'{"__typename":"Query"}', cached.responses.basis(operation)
    )

    assert await known_answer(cached, "bob") == (b'{"__typename":"Query"}', Receipt())


async def test_answers_count_in_the_stores_bytes() -> None:
    clock = asyncio.get_running_loop().time
    store = MemoryStore(clock=clock)
    cached = caching(Scripted({"ada": [client(1)]}), store=store)
    await answered(cached)
    held = store.held_bytes
    operation = asking("ada")
    basis = cached.responses.basis(operation)
    await cached.read_page(operation, ClientFilter(), Window(0, 2), EMAIL)
    cached.responses.keep(operation, BODY, b"x" * 10_000, basis)

    assert store.held_bytes > held + 10_000
