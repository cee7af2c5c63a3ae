import pytest

from gateway.cache.source import CachingClientSource
from tests.cache.scripted import Scripted, caching, client


@pytest.fixture
def source() -> Scripted:
    return Scripted({"ada": [client(n) for n in range(1, 43)]})


@pytest.fixture
async def cached(source: Scripted) -> CachingClientSource:
    return caching(source)
