"""Reads the log of the journal as it grows, on a connection of its own."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.storage.shared.contract import LogEntry, ServerUnreachable

BLOCK_SECONDS = 0.5
"""Seconds that the server waits for an entry before it replies without one."""
CONNECT_SECONDS = 0.05
COUNT = 200


class LogReader:
    """Reads the entries after a place; the server pushes each as it is appended."""

    def __init__(self, url: str, key: str) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=BLOCK_SECONDS + 1,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            max_connections=2,
            driver_info=None,
        )
        self._execute: Callable[..., Awaitable[Any]] = self._redis.execute_command
        self._key = key

    async def read(self, after: bytes, *, blocks: bool) -> list[LogEntry]:
        """Return the next entries, none if there are none in time. Raises `ServerUnreachable`."""
        wait = ("BLOCK", int(BLOCK_SECONDS * 1000)) if blocks else ()
        try:
            reply = await self._execute("XREAD", "COUNT", COUNT, *wait, "STREAMS", self._key, after)
        except (RedisError, OSError) as error:
            raise ServerUnreachable(str(error)) from None
        if not reply:
            return []
        streams = reply.values() if isinstance(reply, dict) else (each[1] for each in reply)
        return [_entry(each) for stream in streams for each in _flat(stream)]

    async def aclose(self) -> None:
        """Close the connection."""
        with suppress(RedisError, OSError):
            await self._redis.aclose()


def _flat(stream: Any) -> list[Any]:  # noqa: ANN401 - as the client library parses it
    """Return the entries; the client library nests them once more in RESP3."""
    if stream and stream[0] and isinstance(stream[0][0], list | tuple):
        return list(stream[0])
    return list(stream)


def _entry(raw: Any) -> LogEntry:  # noqa: ANN401 - as the client library parses it
    place, fields = raw
    if not isinstance(fields, dict):
        fields = dict(zip(fields[::2], fields[1::2], strict=True))
    return LogEntry(
        place,
        int(fields[b"number"]),
        fields[b"incarnation"].decode(),
        float(fields[b"time"]),
        fields[b"member"].decode(),
        fields[b"kind"].decode(),
        fields[b"content"],
        tuple(fields[b"ended"].decode().split()),
    )
