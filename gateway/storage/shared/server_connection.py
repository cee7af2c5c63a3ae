"""Calls of the functions in the server, each of which takes a bounded time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.storage.shared.function_library import FunctionLibrary

COMMAND_SECONDS = 0.05
"""Seconds that a caller waits for a reply, connecting included."""
SOCKET_SECONDS = 0.5
"""Seconds after which a connection without a reply is closed."""
SLICES = 10
"""Parts of that time, each of which lets the event loop turn: where it is busy they take longer, so
that a delay of this process is not taken for one of the server."""
CONNECTIONS = 4

_log = logging.getLogger(__name__)


class ServerUnreachable(Exception):
    """The server did not reply in time, or replied with an error."""


class ServerConnection:
    """Calls functions in the server.

    A call waits at most `COMMAND_SECONDS`, is never repeated, and is never cancelled once it is
    sent, so that no reply can be read by the next command of its connection. After one failure all
    calls fail at once until a call of `probe` succeeds.
    """

    def __init__(self, url: str, library: FunctionLibrary, keys: Sequence[str]) -> None:
        """Connect to `url` on the first call. `keys`: those of every function."""
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=COMMAND_SECONDS,
            retry=Retry(NoBackoff(), 0),
            max_connections=2 * CONNECTIONS,
            driver_info=None,  # saves two commands for each connection
        )
        self._library, self._keys = library, keys
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._tasks: set[asyncio.Task[list[str]]] = set()
        self._given_up: set[asyncio.Task[list[str]]] = set()
        """Commands for whose replies their callers wait no longer."""
        self.is_reachable = True

    async def call(self, function: str, *arguments: str) -> list[str]:
        """Return the reply of a function. Raises `ServerUnreachable`."""
        if not self.is_reachable:
            raise ServerUnreachable("the last command failed")
        return await self._attempt(function, arguments)

    async def probe(self, function: str, *arguments: str) -> list[str]:
        """Do as `call`, also after a failure; a reply ends the suspension of all calls."""
        reply = await self._attempt(function, arguments)
        if not self.is_reachable:
            self.is_reachable = True
            _log.warning("the Valkey server replies again")
        return reply

    async def aclose(self) -> None:
        """Close all connections, after the calls in flight."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        with suppress(RedisError, OSError):
            await self._redis.aclose()

    async def _attempt(self, function: str, arguments: Sequence[str]) -> list[str]:
        task = asyncio.create_task(self._send(function, arguments))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        for _ in range(SLICES):
            done, _ = await asyncio.wait({task}, timeout=COMMAND_SECONDS / SLICES)
            if done:
                break
        else:
            self._given_up.add(task)
            raise self._failed("no reply in time")
        try:
            return task.result()
        except Exception as error:  # noqa: BLE001 - whatever it is, the server cannot be used
            raise self._failed(str(error) or type(error).__name__) from None

    async def _send(self, function: str, arguments: Sequence[str]) -> list[str]:
        async with self._free:
            if asyncio.current_task() in self._given_up:
                raise ServerUnreachable("no free connection in time")
            try:
                return await self._fcall(function, arguments)
            except ResponseError as error:
                if "Function not found" not in str(error):
                    raise
            with suppress(ResponseError):  # another gateway may have loaded it meanwhile
                await self._redis.function_load(self._library.source)
            return await self._fcall(function, arguments)

    async def _fcall(self, function: str, arguments: Sequence[str]) -> list[str]:
        name = self._library.function(function)
        reply: list[str] = await self._redis.fcall(name, len(self._keys), *self._keys, *arguments)
        return reply

    def _failed(self, reason: str) -> ServerUnreachable:
        if self.is_reachable:
            self.is_reachable = False
            _log.warning("the Valkey server cannot be used: %s", reason)
        return ServerUnreachable(reason)

    def _ended(self, task: asyncio.Task[list[str]]) -> None:
        self._tasks.discard(task)
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # known by now, or of a caller that waits no longer
