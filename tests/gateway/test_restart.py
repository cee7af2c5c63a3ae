"""What of callers outlives a restart."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, GRACE
from gateway.storage.state_dir import open_state_dir
from gateway.writes.idempotency_store import TABLES
from tests.clockwork import REAL
from tests.gateway.conftest import HERE, Gateway, settings
from tests.in_process import InProcess

COUNT = "{ clients(first: 5) { totalCount } }"


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL  # a thread reads the disk


@contextlib.asynccontextmanager
async def started(sandbox: Sandbox, folder: Path) -> AsyncIterator[Gateway]:
    state = open_state_dir(folder, TABLES)
    app = create_app(settings(), wire=InProcess(sandbox), state=state)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE) as http:
        yield Gateway(http)
        if writing := [task for task in asyncio.all_tasks() if "_write" in repr(task)]:
            await asyncio.wait(writing)
    await state.database.aclose()


async def test_known_callers_are_known_after_a_restart_whatever_flood_it_meets(
    tmp_path: Path,
) -> None:
    sandbox = Sandbox()
    async with started(sandbox, tmp_path) as gateway:
        await gateway.query(COUNT, key=ADA.api_key)

    async with started(sandbox, tmp_path) as gateway:
        await asyncio.gather(
            *(
                gateway.errors(COUNT, key=hashlib.sha256(b"%d" % number).hexdigest())
                for number in range(50)
            )
        )
        stranger = asyncio.create_task(gateway.post(COUNT, key=GRACE.api_key))
        await asyncio.sleep(0.05)  # so that it stands in line, and first of the unknown ones
        known = await gateway.query(COUNT, key=ADA.api_key)
        waiting = not stranger.done()
        await stranger

    assert (known, waiting) == ({"clients": {"totalCount": 42}}, True)


async def test_no_credential_stands_in_what_is_kept(tmp_path: Path) -> None:
    async with started(Sandbox(), tmp_path) as gateway:
        await gateway.query(COUNT, key=ADA.api_key)

    kept = b"".join([path.read_bytes() for path in sorted(tmp_path.iterdir())])  # noqa: ASYNC240
    assert kept
    assert ADA.api_key.encode() not in kept
