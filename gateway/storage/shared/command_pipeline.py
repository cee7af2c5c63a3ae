"""Commands to the server, pipelined: those of one turn of the event loop are sent together."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from gateway.storage.shared.contract import ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

COMMAND_SECONDS = 0.05
"""Seconds that a caller waits for a reply, connecting included."""
SLICES = 20
"""Parts of that time, each of which lets the event loop turn: where it is busy they take longer, so
that a delay of this process is not taken for one of the server."""


class _Command:
    """A command, and how many parts of its time have passed."""

    def __init__(self, words: Sequence[Any], options: dict[str, Any]) -> None:
        self.words, self.options, self.slices = words, options, 0
        self.reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def pass_time(self) -> None:
        self.slices += 1
        if self.slices >= SLICES and not self.reply.done():
            self.reply.set_exception(ServerUnreachable("no reply in time"))

    def settle(self, reply: Any) -> None:  # noqa: ANN401 - whatever the server sent
        if self.reply.done():
            return
        if isinstance(reply, Exception):
            self.reply.set_exception(reply)
        else:
            self.reply.set_result(reply)


class CommandPipeline:
    """Sends one batch of commands at a time; those that come meanwhile are the next one.

    A batch that is sent is never cancelled, so that no reply can be read by the next one.
    """

    def __init__(self, redis: Redis) -> None:
        """Create it over a client that repeats no command."""
        self._redis = redis
        self._waiting: list[_Command] = []
        self._sending: asyncio.Task[None] | None = None

    async def execute(self, *words: Any, **options: Any) -> Any:  # noqa: ANN401 - as the client
        """Return the reply to a command.

        Raises its error; `ServerUnreachable` if there is none within `COMMAND_SECONDS`.
        """
        command = _Command(words, options)
        self._waiting.append(command)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await command.reply

    async def aclose(self) -> None:
        """Wait for the replies to what was sent."""
        if self._sending is not None:
            await self._sending

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            replies = asyncio.create_task(self._replies(batch))
            while not (await asyncio.wait({replies}, timeout=COMMAND_SECONDS / SLICES))[0]:
                for command in (*batch, *self._waiting):
                    command.pass_time()
                self._waiting = [each for each in self._waiting if not each.reply.done()]
            for command, reply in zip(batch, replies.result(), strict=True):
                command.settle(reply)
            if any(command.slices >= SLICES for command in batch):  # another may be faster
                with suppress(RedisError, OSError):
                    await self._redis.connection_pool.disconnect(inuse_connections=False)

    async def _replies(self, batch: Sequence[_Command]) -> Sequence[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for command in batch:
            pipeline.execute_command(*command.words, **command.options)
        try:
            replies: Sequence[Any] = await pipeline.execute(raise_on_error=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, there are no replies
            return [error] * len(batch)
        return replies
