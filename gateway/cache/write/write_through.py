"""Write through the cache: invalidate, send, invalidate, and store the outcome that is known."""

import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from gateway.cache.coherence.contract import Coherence
from gateway.cache.coherence.events import WriteBegan, WriteEnded, WriteKind
from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import EntityKey, Partition
from gateway.cache.write.effects import WriteEffects
from schema.source.errors import (
    Conflict,
    Forbidden,
    IdempotencyUnavailable,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from schema.source.protocols import ClientWriter
from schema.source.records import ClientId, ClientRecord
from schema.source.request_context import RequestContext
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult

T = TypeVar("T")
Known = tuple[WriteKind, ClientRecord | None]
"""What is known of a write, and the client after it."""


@dataclass(eq=False, repr=False)
class WriteThrough:
    """The writes of all callers. They must run in tasks that their callers do not cancel.

    A cancelled write could still be applied after the second invalidation, without a trace in the
    cache.
    """

    _writer: ClientWriter
    _memory: FencedCache
    _clock: Callable[[], float]
    _begin: Callable[[RequestContext], None]
    """Begins the receipt of a write."""
    _coherence: Coherence

    def __post_init__(self) -> None:
        self.effects = WriteEffects(self._memory)

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client and store it."""

        def known(written: WriteResult) -> Known:
            return ("refused", None) if written.replayed else ("created", written.record)

        return await self._fenced(operation, None, self._writer.create(operation, new), known)

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Change a client and store it as it is afterwards."""
        if patch.expected_version is not None:
            patch = replace(patch, base=self._base(operation, id, patch.expected_version))

        def known(written: WriteResult) -> Known:
            return "updated", written.record

        return await self._fenced(operation, id, self._writer.update(operation, id, patch), known)

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client and store its absence."""

        def known(_: Confirmation) -> Known:
            return "deleted", None

        sent = self._writer.delete(operation, id)
        return await self._fenced(operation, id, sent, known, not_found="absent")

    def _base(self, operation: RequestContext, id: ClientId, version: int) -> ClientRecord | None:
        """Return the client at `version`, as read by this caller or by the user's other tokens.

        The record is returned to no caller before the API has answered the caller's write.
        """
        claimed = Partition.claimed(operation.caller)
        partitions = [Partition(operation.caller), *([] if claimed is None else [claimed])]
        found = [self._memory.client_at(EntityKey(each, id), version) for each in partitions]
        return next((record for record in found if record is not None), None)

    async def _fenced(
        self,
        operation: RequestContext,
        id: ClientId | None,
        send: Coroutine[Any, Any, T],
        known: Callable[[T], Known],
        not_found: WriteKind = "gone",
    ) -> T:
        """Return the outcome, once the caches of all gateways have its effect.

        A write by an unproven token invalidates its user's partition too, unless nothing was
        written.
        """
        self._begin(operation)
        partition, write = Partition(operation.caller), uuid.uuid4().hex
        held = None if id is None else self._memory.client(EntityKey(partition, id))
        began = WriteBegan(write, partition, id)
        try:
            await self._coherence.write(began, partial(self.effects.began, began))
        except BaseException:
            send.close()
            raise
        begun = self._clock()
        event = WriteEnded(
            write,
            partition,
            id,
            Partition.claimed(operation.caller),
            "unknown",
            begun,
            begun,
            before=held.record if isinstance(held, CachedRecord) else None,
        )
        try:
            outcome = await send
        except BaseException as failure:
            await self._end(event, _known_of(failure, id, not_found), failure)
            raise
        await self._end(event, known(outcome))
        return outcome

    async def _end(
        self, event: WriteEnded, known: Known, failure: BaseException | None = None
    ) -> None:
        kind, record = known
        nothing = isinstance(failure, _WITHOUT_WRITE)
        ended = WriteEnded(
            event.write,
            event.partition,
            record.id if kind == "created" and record is not None else event.id,
            None if nothing else event.claimed,
            kind,
            event.began,
            self._clock(),
            record,
            event.before,
        )
        await self._coherence.write(ended, partial(self.effects.ended, ended))


_WITHOUT_WRITE = (
    Unauthenticated,
    Forbidden,
    InvalidInput,
    RateLimited,
    Unavailable,
    IdempotencyUnavailable,
)


def _known_of(failure: BaseException, id: ClientId | None, not_found: WriteKind) -> Known:
    """Return what a failure says about a write."""
    if isinstance(failure, Unauthenticated | Forbidden):
        return "rejected", None
    if isinstance(failure, InvalidInput | RateLimited):
        return "refused", None
    if isinstance(failure, NotFound):
        return ("refused" if id is None else not_found), None
    if isinstance(failure, Conflict):
        return ("maybe" if failure.maybe_written else "conflict"), failure.current
    return "unknown", None
