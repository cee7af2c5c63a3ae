import asyncio

import pytest

from gateway.cache.cached import CachedClients
from gateway.cache.freshness import Policy
from gateway.cache.store import MemoryStore
from tests.cache.scripted import Scripted, client


@pytest.fixture
def source() -> Scripted:
    return Scripted({"ada": [client(n) for n in range(1, 43)]})


@pytest.fixture
async def cached(source: Scripted) -> CachedClients:
    clock = asyncio.get_running_loop().time
    return CachedClients(source, MemoryStore(clock=clock), clock=clock, policy=Policy())
