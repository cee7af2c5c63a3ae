"""A reading that a write has outdated is not stored, and yet may be what its caller is served."""

import pytest

from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.store.entity import CachedRecord, Held
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.generations import OUTDATED
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.memory import MemoryStore
from schema.source.records import ClientFilter, Page
from tests.cache.scripted import client, uuid

WHOSE = Partition.alone("ada")
KEY = EntityKey(WHOSE, uuid(1))


@pytest.fixture
def cache() -> FencedCache:
    cache = FencedCache(MemoryStore(clock=lambda: 10.0), lambda: 10.0, CachePolicy())
    cache.store_record(KEY, client(1, version=2), 1.0, cache.generations.of_client(KEY))
    return cache


def version(held: Held) -> int | None:
    return held.version if isinstance(held, CachedRecord) else None


def test_a_later_version_that_is_not_stored_removes_an_earlier_one(cache: FencedCache) -> None:
    assert cache.store_record(KEY, client(1, version=3), 5.0, OUTDATED) is None

    assert cache.client(KEY) is None
    assert cache.client_at(KEY, 2) == client(1, version=2)


def test_so_does_one_on_a_page(cache: FencedCache) -> None:
    page = Page(0, (client(1, version=3),), 1, more=False)

    assert cache.store_page(ListKey(WHOSE, ClientFilter()), page, 5.0, OUTDATED) is None

    assert cache.client(KEY) is None


@pytest.mark.parametrize("unstored", [1, 2])
def test_an_earlier_or_the_same_version_removes_nothing(cache: FencedCache, unstored: int) -> None:
    assert cache.store_record(KEY, client(1, version=unstored), 5.0, OUTDATED) is None

    assert version(cache.client(KEY)) == 2


@pytest.mark.parametrize(("sent", "left"), [(0.5, 2), (5.0, None)])
def test_an_absence_that_is_not_stored_removes_what_was_read_before(
    cache: FencedCache, sent: float, left: int | None
) -> None:
    assert cache.store_absence(KEY, sent, OUTDATED) is None

    assert version(cache.client(KEY)) == left
