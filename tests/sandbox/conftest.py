from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO


class Clock:
    """Seconds, wound by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Sandbox:
    return Sandbox(clock=clock)


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=sandbox),
        base_url="http://sandbox.test/v1",
        headers={"X-API-Key": DEMO.api_key},
    ) as http:
        yield http
