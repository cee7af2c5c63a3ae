"""What a request leaves behind is gone at once: nothing that only garbage collection finds.

A collection stops everybody for tens of milliseconds, at the worst time.
"""

import asyncio
import gc
import signal
from pathlib import Path

import pytest

from gateway.app import create_app
from gateway.configuration import connection_limits
from gateway.server import uvicorn as server
from gateway.settings import load_settings
from tests.e2e.conftest import started
from tests.e2e.test_known_answers import QUERY, heard, post
from tests.e2e.test_slow_clients import Client

REQUESTS = 100


@pytest.mark.parametrize("cache", [True, False], ids=["from memory", "from the API"])
async def test_nothing_is_left_to_collect(tmp_path: Path, *, cache: bool) -> None:
    with started("sandbox", folder=tmp_path) as sandbox:
        settings = load_settings({}, _env_file=None, upstream_url=f"{sandbox.url}/v1", cache=cache)
        app, place = create_app(settings), server.bind("127.0.0.1", 0)
        sites = [server.Listener(app, place, connection_limits(settings), app.direct)]
        up = asyncio.Event()
        serving = asyncio.create_task(server.serve(sites, up.set))
        await up.wait()
        client = Client(*await asyncio.open_connection(*place.getsockname()[:2]))

        async def ask(times: int, **how: str) -> None:
            for _ in range(times):
                await client.says(post(QUERY, **how))
                assert b'"totalCount":42' in (await heard(client))[1]

        for how in ({}, {"content_type": "application/json; charset=utf-8"}):
            await ask(10, **how)
            gc.collect()
            gc.disable()
            try:
                await ask(REQUESTS, **how)
                left = gc.collect()
            finally:
                gc.enable()

            assert left < REQUESTS / 2, how

        client.writer.close()
        signal.raise_signal(signal.SIGTERM)
        await serving
