"""The whole gateway in process, before a sandbox that remembers every call it saw."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from gateway.settings import Settings, load_settings
from tests.in_process import InProcess

HERE = "http://gateway.test"


@dataclass
class Gateway:
    """A gateway with a client of it, by default the demo caller."""

    http: httpx.AsyncClient

    async def post(self, query: str, /, *, key: str = DEMO.api_key, **variables: Any) -> Any:
        """The whole answer, as JSON."""
        answer = await self.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"X-API-Key": key},
        )
        return answer.json()

    async def query(self, query: str, /, *, key: str = DEMO.api_key, **variables: Any) -> Any:
        """The data, when there was nothing wrong."""
        answer = await self.post(query, key=key, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def errors(self, query: str, /, *, key: str = DEMO.api_key, **variables: Any) -> Any:
        """The codes of what was wrong, by path."""
        answer = await self.post(query, key=key, **variables)
        return [
            (".".join(map(str, error.get("path", ()))), error["extensions"]["code"])
            for error in answer["errors"]
        ]


@pytest.fixture
def sandbox() -> Sandbox:
    # The window's clock has no loop to read yet: these tests never outlast a window.
    return Sandbox()


def settings(**changes: Any) -> Settings:
    """Settings untouched by this machine's environment."""
    ours: dict[str, Any] = {"introspection": True, "max_concurrent_requests": 1_000}
    return load_settings({}, _env_file=None, **(ours | changes))


@contextlib.asynccontextmanager
async def before(sandbox: Sandbox, **changes: Any) -> AsyncIterator[Gateway]:
    """A gateway before this sandbox, with some settings changed."""
    app = create_app(
        settings(**changes),
        wire=InProcess(sandbox),
        clock=asyncio.get_running_loop().time,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
        yield Gateway(http)


@pytest.fixture(autouse=True, params=[True, False], ids=["compiled", "graphql-core"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """By both executors the answer, price, refusals and headers of an operation are the same."""
    defaults = {**(create_app.__kwdefaults__ or {}), "compiles": request.param}
    monkeypatch.setattr(create_app, "__kwdefaults__", defaults)
    return bool(request.param)


@pytest.fixture
async def gateway(sandbox: Sandbox) -> AsyncIterator[Gateway]:
    async with before(sandbox) as gateway:
        yield gateway
