"""The lifespan of an application without a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.app import GatewayApp


class Lifespan:
    """Starts and ends an ASGI application."""

    def __init__(self, app: GatewayApp) -> None:
        self._app = app

    async def start(self) -> None:
        self._heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._heard.get, self._sent.put))
        await self._heard.put({"type": "lifespan.startup"})
        assert (await self._sent.get())["type"] == "lifespan.startup.complete"

    async def stop(self) -> None:
        await self._heard.put({"type": "lifespan.shutdown"})
        assert (await self._sent.get())["type"] == "lifespan.shutdown.complete"
        await self._task
