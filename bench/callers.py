"""`python -m bench.callers`: the memory that a caller takes whose list is cached."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson
from uvicorn.loops.auto import auto_loop_factory

from bench import api
from bench.machine import resident
from bench.stages import HEADERS, in_process
from gateway.app import create_app
from gateway.cache.store.memory import MemoryStore
from gateway.settings import load_settings
from gateway.transport.messages import Request, Response
from gateway.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = 100
QUERY = (
    "query List($at: Int!) { clients(first: 100, offset: $at)"
    " { edges { node { id firstName lastName email status version } } totalCount } }"
)


class Collections(Transport):
    """The API's stand-in: each caller has clients of its own, made when they are first read."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._templates = api.clients()
        self._dice = random.Random(7)  # noqa: S311 - the same clients every time
        self._read: list[dict[str, Any]] = []

    def next_caller(self) -> None:
        """Answer with the clients of another caller from now on."""
        self._read = [self._row(number) for number in range(self._rows)]

    def _row(self, number: int) -> dict[str, Any]:
        mark = self._dice.getrandbits(32)
        return self._templates[number % len(self._templates)] | {
            "id": str(uuid.UUID(int=self._dice.getrandbits(128), version=4)),
            "email": f"{mark:x}@example.com",
            "notes": f"Prefers a quiet street; call after {mark}.",
            "updated_at": f"2026-07-15T14:{mark % 60:02}:{mark % 59:02}.{mark % 1000:03}Z",
        }

    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Answer with a page of the list."""
        query = parse_qs(urlsplit(request.target.url).query)
        page, limit = int(query["page"][0]), int(query["limit"][0])
        data = {
            "clients": self._read[(page - 1) * limit : page * limit],
            "meta": {"page": page, "limit": limit, "total": self._rows},
        }
        response = asyncio.get_running_loop().create_future()
        content = orjson.dumps({"success": True, "data": data})
        response.set_result(Response(200, HEADERS, content))
        return response

    async def aclose(self) -> None:
        """Do nothing."""


async def measure(callers: int, rows: int, held: Callable[[], float]) -> tuple[float, float]:
    """Return the bytes for a caller by `held`, and as the cache counts them."""
    wire = Collections(rows)
    store = MemoryStore(clock=time.monotonic, max_bytes=1 << 40)
    app = create_app(
        load_settings({}, _env_file=None, upstream_rate_limit=10**9), wire=wire, store=store
    )
    bodies = [
        orjson.dumps({"query": QUERY, "variables": {"at": at}}) for at in range(0, rows, PAGE)
    ]

    async def read(names: range) -> None:
        for name in names:
            wire.next_caller()
            ask = in_process(app, bodies, key=f"{name:064x}")
            for number in range(len(bodies)):
                await ask(number)
        gc.collect()

    few = max(3, callers // 10)
    await read(range(few))
    before, counted = held(), store.held_bytes
    await read(range(few, few + callers))
    return (held() - before) / callers, (store.held_bytes - counted) / callers


def taken(callers: int, rows: int) -> tuple[float, float]:
    """Return the bytes of this process for a caller of so many rows, and as the cache counts."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(measure(callers, rows, lambda: resident(os.getpid()) * 2**20))


def main() -> None:
    """Print the memory of a caller."""
    asks = argparse.ArgumentParser(prog="python -m bench.callers", description=__doc__)
    asks.add_argument("--callers", type=int, default=1_000)
    asks.add_argument("--rows", type=int, default=60)
    chosen = asks.parse_args()
    took, counted = taken(chosen.callers, chosen.rows)
    print(
        f"{chosen.callers} callers of {chosen.rows} rows: each takes {took / 1024:.1f} KiB of the"
        f" process, and counts as {counted / 1024:.1f} KiB in the cache"
    )


if __name__ == "__main__":
    main()
