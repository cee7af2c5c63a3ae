"""Calls of the functions in the server, each of which takes a bounded time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from gateway.storage.shared.contract import ServerUnreachable
from gateway.storage.shared.durability import OnDisk, ServerDisk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from gateway.storage.shared.function_library import FunctionLibrary

COMMAND_SECONDS = 0.05
"""Seconds that a caller waits for a reply, connecting included."""
SOCKET_SECONDS = 0.5
"""Seconds after which a connection that is not made, or without a reply, is closed."""
SLICES = 10
"""Parts of that time, each of which lets the event loop turn: where it is busy they take longer, so
that a delay of this process is not taken for one of the server."""
CONNECTIONS = 4

T = TypeVar("T")
_log = logging.getLogger(__name__)


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
            socket_connect_timeout=SOCKET_SECONDS,
            retry=Retry(NoBackoff(), 0),
            max_connections=2 * CONNECTIONS,
            driver_info=None,  # saves two commands for each connection
        )
        self._execute: Callable[..., Awaitable[Any]] = self._redis.execute_command
        self._disk = ServerDisk(url)
        self._library, self._keys = library, keys
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._given_up: set[asyncio.Task[Any]] = set()
        """Commands for whose replies their callers wait no longer."""
        self.is_reachable = True

    async def call(self, function: str, *arguments: str) -> list[str]:
        """Return the reply of a function. Raises `ServerUnreachable`."""
        self._check()
        return await self._attempt(partial(self._call, self._keys, function, arguments))

    async def call_on(
        self, keys: Sequence[str], function: str, *arguments: str | bytes
    ) -> list[bytes]:
        """Return the reply of a function of other keys, as bytes. Raises `ServerUnreachable`.

        An error in the reply, as of a server without free memory, suspends no other call.
        """
        self._check()
        call = partial(self._call, keys, function, arguments, NEVER_DECODE=True)
        reply = await self._attempt(partial(_errors_returned, call))
        if isinstance(reply, ResponseError):
            raise ServerUnreachable(str(reply))
        return reply

    async def is_on_disk(self) -> bool:
        """Return whether what the server replied to is on its disk, or cannot be known to be."""
        return await self._disk.confirmed() is not OnDisk.NO

    async def probe(self, function: str, *arguments: str) -> list[str]:
        """Do as `call`, also after a failure; a reply ends the suspension of all calls."""
        reply = await self._attempt(partial(self._call, self._keys, function, arguments))
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
        await self._disk.aclose()

    def _check(self) -> None:
        if not self.is_reachable:
            raise ServerUnreachable("the last command failed")

    async def _attempt(self, command: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.create_task(self._with_connection(command))
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

    async def _with_connection(self, command: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with self._free:
            if asyncio.current_task() in self._given_up:
                raise ServerUnreachable("no free connection in time")
            return await command()

    async def _call(
        self,
        keys: Sequence[str],
        function: str,
        arguments: Sequence[str | bytes],
        **options: object,
    ) -> list[Any]:
        reply: list[Any]
        name = self._library.function(function)
        command = ("FCALL", name, len(keys), *keys, *arguments)
        try:
            reply = await self._execute(*command, **options)
        except ResponseError as error:
            if "Function not found" not in str(error):
                raise
        else:
            return reply
        with suppress(ResponseError):  # another gateway may have loaded it meanwhile
            await self._redis.function_load(self._library.source)
        reply = await self._execute(*command, **options)
        return reply

    def _failed(self, reason: str) -> ServerUnreachable:
        if self.is_reachable:
            self.is_reachable = False
            _log.warning("the Valkey server cannot be used: %s", reason)
        return ServerUnreachable(reason)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # known by now, or of a caller that waits no longer


async def _errors_returned(command: Callable[[], Coroutine[Any, Any, T]]) -> T | ResponseError:
    try:
        return await command()
    except ResponseError as error:
        return error
