"""Calls of the functions in the server, each of which takes a bounded time."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from gateway.storage.shared.command_pipeline import CommandPipeline
from gateway.storage.shared.contract import ServerUnreachable
from gateway.storage.shared.durability import OnDisk, ServerDisk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.storage.shared.function_library import FunctionLibrary

SOCKET_SECONDS = 0.5
"""Seconds after which a connection that is not made, or without a reply, is closed."""

_log = logging.getLogger(__name__)


class ServerConnection:
    """Calls functions in the server.

    A call waits at most `COMMAND_SECONDS` and is never repeated. After one failure all calls fail
    at once until a call of `probe` succeeds.
    """

    def __init__(self, url: str, library: FunctionLibrary, keys: Sequence[str]) -> None:
        """Connect to `url` on the first call. `keys`: those of every function."""
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            retry=Retry(NoBackoff(), 0),
            max_connections=2,
            driver_info=None,  # saves two commands for each connection
        )
        self._pipeline = CommandPipeline(self._redis)
        self._disk = ServerDisk(url)
        self._library, self._keys = library, keys
        self.is_reachable = True

    async def call(self, function: str, *arguments: str) -> list[str]:
        """Return the reply of a function. Raises `ServerUnreachable`."""
        self._check()
        return await self._attempt(function, arguments)

    async def call_on(
        self, keys: Sequence[str], function: str, *arguments: str | bytes
    ) -> list[bytes]:
        """Return the reply of a function of other keys, as bytes. Raises `ServerUnreachable`.

        An error in the reply, as of a server without free memory, suspends no other call.
        """
        self._check()
        try:
            return await self._call(keys, function, arguments, NEVER_DECODE=True)
        except ResponseError as error:
            raise ServerUnreachable(str(error)) from None
        except Exception as error:  # noqa: BLE001 - whatever it is, the server cannot be used
            raise self._failed(error) from None

    async def is_on_disk(self) -> bool:
        """Return whether what the server replied to is on its disk, or cannot be known to be."""
        return await self._disk.confirmed() is not OnDisk.NO

    async def probe(self, function: str, *arguments: str) -> list[str]:
        """Do as `call`, also after a failure; a reply ends the suspension of all calls."""
        reply = await self._attempt(function, arguments)
        if not self.is_reachable:
            self.is_reachable = True
            _log.warning("the Valkey server replies again")
        return reply

    async def aclose(self) -> None:
        """Close all connections, after the calls in flight."""
        await self._pipeline.aclose()
        with suppress(RedisError, OSError):
            await self._redis.aclose()
        await self._disk.aclose()

    def _check(self) -> None:
        if not self.is_reachable:
            raise ServerUnreachable("the last command failed")

    async def _attempt(self, function: str, arguments: Sequence[str]) -> list[str]:
        try:
            return await self._call(self._keys, function, arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server cannot be used
            raise self._failed(error) from None

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
            reply = await self._pipeline.execute(*command, **options)
        except ResponseError as error:
            if "Function not found" not in str(error):
                raise
        else:
            return reply
        with suppress(ResponseError):  # another gateway may have loaded it meanwhile
            await self._pipeline.execute("FUNCTION LOAD", self._library.source)
        reply = await self._pipeline.execute(*command, **options)
        return reply

    def _failed(self, error: Exception) -> ServerUnreachable:
        reason = str(error) or type(error).__name__
        if self.is_reachable:
            self.is_reachable = False
            _log.warning("the Valkey server cannot be used: %s", reason)
        return ServerUnreachable(reason)
