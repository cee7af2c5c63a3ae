import asyncio

import pytest

from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MemoryStore
from tests.cache.scripted import Scripted, client


@pytest.fixture
def source() -> Scripted:
    return Scripted({"ada": [client(n) for n in range(1, 43)]})


@pytest.fixture
async def cached(source: Scripted) -> CachingClientSource:
    clock = asyncio.get_running_loop().time
    return CachingClientSource(source, MemoryStore(clock=clock), clock=clock, policy=CachePolicy())
