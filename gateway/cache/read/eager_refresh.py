"""Read again in the background what callers look at, as soon as an event ages it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from cachetools import LRUCache

from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.policy.revalidation import BackgroundRevalidation
from gateway.cache.store.keys import Partition
from schema.source.errors import ClientError
from schema.source.request_context import (
    CacheDirectives,
    CallBudget,
    Caller,
    CallLimit,
    Receipt,
    RequestContext,
)

PAUSE, EVERY = 1.0, 10.0
"""Seconds after an event, in which further ones are awaited, and between a caller's rounds."""
MAX_CALLERS, MAX_READS = 1_000, 8
"""Callers whose reads are remembered, and reads of each, the latest."""
MAX_CALLS = 2
"""Calls that one read may cost; one that costs more waits for a request."""
_log = logging.getLogger(__name__)


T = TypeVar("T", bound=Hashable)
R = TypeVar("R")


class _Read(NamedTuple):
    caller: Caller
    repeat: Callable[[RequestContext], Awaitable[object]]


class EagerRefresh:
    """Repeats the latest reads of active callers, each in at most one round in `EVERY` seconds.

    A repeated read accepts cached data only, and revalidates what is not fresh if there are calls
    to spare. Credentials are held as long as their callers are active.
    """

    def __init__(
        self,
        is_active: Callable[[Partition], bool],
        revalidation: BackgroundRevalidation,
        clock: Callable[[], float],
        policy: CachePolicy,
    ) -> None:
        """Create it; repeated reads start their revalidations at `revalidation`."""
        self._is_active = is_active
        self._revalidation = revalidation
        self._clock = clock
        self._seconds = policy.flight_seconds
        self._has_events = policy.webhook_fresh is not None
        self._reads: LRUCache[Partition, LRUCache[Hashable, _Read]] = LRUCache(MAX_CALLERS)
        self._rounds: dict[Partition, asyncio.Task[None]] = {}
        self._again: set[Partition] = set()

    def noted(
        self, read: Callable[[RequestContext, T], Coroutine[Any, Any, R]]
    ) -> Callable[[RequestContext, T], Coroutine[Any, Any, R]]:
        """Return a function that reads the same and notes it."""

        async def noting(operation: RequestContext, request: T) -> R:
            self.note(operation, read, request)
            return await read(operation, request)

        return noting

    def note(
        self,
        operation: RequestContext,
        read: Callable[..., Awaitable[object]],
        *arguments: Hashable,
    ) -> None:
        """Note a read of an operation; if events are received, it is repeated when one ages it."""
        if not self._has_events or operation.receipt.finalized:
            return
        partition = Partition(operation.caller)
        reads: LRUCache[Hashable, _Read] | None = self._reads.pop(partition, None)
        reads = LRUCache(MAX_READS) if reads is None else reads
        reads[arguments] = _Read(operation.caller, lambda own: read(own, *arguments))
        self._reads[partition] = reads
        while not self._is_active(oldest := next(iter(self._reads))) and oldest != partition:
            del self._reads[oldest]

    def aged(self, partitions: Iterable[Partition]) -> None:
        """Begin a round for those of these callers who are active, or have another follow."""
        for partition in partitions:
            if partition not in self._reads or not self._is_active(partition):
                continue
            self._again.add(partition)
            if partition not in self._rounds:
                task = self._rounds[partition] = asyncio.create_task(self._run(partition))
                task.add_done_callback(partial(self._ended, partition))

    def _ended(self, partition: Partition, _: asyncio.Task[None]) -> None:
        self._rounds.pop(partition, None)

    async def _run(self, partition: Partition) -> None:
        while partition in self._again:
            await asyncio.sleep(PAUSE)
            self._again.discard(partition)
            reads = self._reads.get(partition, LRUCache[Hashable, _Read](1))
            for name, read in reversed(list(reads.items())):
                if not await self._repeat(read):
                    reads.pop(name, None)
            await asyncio.sleep(EVERY - PAUSE)

    async def _repeat(self, read: _Read) -> bool:
        """Repeat a read and wait for what it revalidates; return False if nothing is held."""
        operation = RequestContext(
            read.caller,
            self._clock() + self._seconds,
            CacheDirectives(only_if_cached=True),
            Receipt(finalized=True),
            call_budget=CallBudget(_limit),
        )
        try:
            await read.repeat(operation)
            await self._revalidation.settled()
        except ClientError:
            return False
        except Exception:  # noqa: BLE001 - no caller awaits it: a bug is logged
            _log.exception("a read could not be repeated")
            return False
        return True


def _limit() -> CallLimit:
    return CallLimit(MAX_CALLS, MAX_CALLS, MAX_CALLS)
