"""Whether the server has written to its disk what it replied to."""

import logging
from contextlib import suppress
from enum import Enum, auto

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

DISK_SECONDS = 1.5
"""Seconds that the server may take: with `appendfsync everysec` it writes once in a second."""
CONNECT_SECONDS = 0.05
MARK = "clients-gateway:1:on-disk"

_log = logging.getLogger(__name__)


class OnDisk(Enum):
    """What is known of the server's disk."""

    YES = auto()
    NO = auto()
    """The server did not confirm it in time."""
    NEVER = auto()
    """The server has no WAITAOF (before Redis 7.2), or keeps no append-only file."""


class ServerDisk:
    """Waits until all that the server has replied to is on its disk (WAITAOF).

    On connections of its own: other commands do not wait for the disk.
    """

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=DISK_SECONDS + 0.5,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
        )
        self._known = OnDisk.YES

    async def confirmed(self) -> OnDisk:
        """Return whether it is on disk. The mark, written last, is there after all before it."""
        wait = ("WAITAOF", 1, 0, int(1000 * DISK_SECONDS))
        try:
            async with self._redis.pipeline(transaction=False) as commands:
                commands.set(MARK, b"", ex=60)
                commands.execute_command(*wait)
                marked, reply = await commands.execute(raise_on_error=False)
        except (RedisError, OSError):
            return OnDisk.NO
        if isinstance(marked, Exception):
            return OnDisk.NO
        if isinstance(reply, ResponseError):
            self._note(OnDisk.NEVER, str(reply))
            return OnDisk.NEVER
        self._note(OnDisk.YES, "")
        return OnDisk.YES if isinstance(reply, list) and reply[0] >= 1 else OnDisk.NO

    async def aclose(self) -> None:
        """Close the connections."""
        with suppress(RedisError, OSError):
            await self._redis.aclose()

    def _note(self, known: OnDisk, reason: str) -> None:
        if known is self._known:
            return
        self._known = known
        if known is OnDisk.NEVER:
            _log.warning(
                "the Valkey server does not confirm what is on its disk (%s): idempotency keys hold"
                " for as long as it keeps its data, see docs/writes.md",
                reason.partition(",")[0],
            )
        else:
            _log.warning("the Valkey server confirms what is on its disk")
