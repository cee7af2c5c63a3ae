"""Write through the cache: invalidate, send, invalidate, and store the outcome that is known."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import EntityKey, Partition
from gateway.cache.write import list_updates
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


class WriteThrough:
    """The writes of all callers. They must run in tasks that their callers do not cancel.

    A cancelled write could still be applied after the second invalidation, without a trace in the
    cache.
    """

    def __init__(
        self,
        writer: ClientWriter,
        memory: FencedCache,
        clock: Callable[[], float],
        begin: Callable[[RequestContext], None],
    ) -> None:
        """Create it; `begin` begins the receipt of a write."""
        self._writer = writer
        self._memory = memory
        self._clock = clock
        self._begin = begin

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client and store it."""
        written, _ = await self._fenced(operation, None, self._writer.create(operation, new))
        if written.replayed:
            return written
        partition = Partition(operation.caller)
        key, types = EntityKey(partition, written.record.id), self._memory.meaning.types
        created = list_updates.CreatedRow(written.record, self._clock(), self._memory.order.newest)
        self._memory.invalidate_in_flight(partition, key)
        self._memory.store_written(key, created.record, created.at, created.at, created=True)
        self._note_for_user(operation, created.record.id, created.record, created=True)
        self._memory.revise_lists(
            partition, lambda where, rows: list_updates.apply_create(where, rows, created, types)
        )
        return written

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Change a client and store it as it is afterwards."""
        key = EntityKey(Partition(operation.caller), id)
        if patch.expected_version is not None:
            patch = replace(patch, base=self._base(operation, id, patch.expected_version))
        began, before, types = self._clock(), self._record(key), self._memory.meaning.types
        try:
            written, alone = await self._fenced(
                operation, id, self._writer.update(operation, id, patch)
            )
        except Conflict as conflict:
            self._memory.forget_client(key)
            if conflict.current is not None:
                self._memory.store_written(key, conflict.current, began, began)
            raise
        except NotFound:
            self._gone(key, before)
            raise
        if alone:
            self._memory.store_written(key, written.record, self._clock(), began)
            self._note_for_user(operation, id, written.record)
            after = self._record(key) or written.record
            self._memory.revise_lists(
                key.partition,
                lambda where, rows: list_updates.apply_update(where, rows, before, after, types),
            )
        else:
            self._forget(key.partition, key)
        return written

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client and store its absence."""
        key = EntityKey(Partition(operation.caller), id)
        before = self._record(key)
        try:
            how, _ = await self._fenced(operation, id, self._writer.delete(operation, id))
        except NotFound:
            self._deleted(key, before)
            raise
        self._deleted(key, before)
        self._note_for_user(operation, id, None)
        return how

    def _base(self, operation: RequestContext, id: ClientId, version: int) -> ClientRecord | None:
        """Return the client at `version`, as read by this caller or by the user's other tokens.

        The record is returned to no caller before the API has answered the caller's write.
        """
        claimed = Partition.claimed(operation.caller)
        partitions = [Partition(operation.caller), *([] if claimed is None else [claimed])]
        found = [self._memory.client_at(EntityKey(each, id), version) for each in partitions]
        return next((record for record in found if record is not None), None)

    def _record(self, key: EntityKey) -> ClientRecord | None:
        known = self._memory.client(key)
        return known.record if isinstance(known, CachedRecord) else None

    def _note_for_user(
        self,
        operation: RequestContext,
        id: str,
        record: ClientRecord | None,
        *,
        created: bool = False,
    ) -> None:
        """Note a write by an unproven token, which the API accepted, for the user it names too."""
        claimed = Partition.claimed(operation.caller)
        if claimed is not None:
            key = EntityKey(claimed, id)
            self._memory.own_writes.note(key, record, self._clock(), created=created)

    def _deleted(self, key: EntityKey, before: ClientRecord | None) -> None:
        """Store a deletion, which a list that lags may not show."""
        self._memory.own_writes.note(key, None, self._clock())
        self._gone(key, before)

    def _gone(self, key: EntityKey, before: ClientRecord | None) -> None:
        types = self._memory.meaning.types
        self._memory.bury(key, self._clock())
        self._memory.revise_lists(
            key.partition,
            lambda where, rows: list_updates.apply_delete(where, rows, key.id, before, types),
        )

    async def _fenced(
        self, operation: RequestContext, id: ClientId | None, send: Coroutine[Any, Any, T]
    ) -> tuple[T, bool]:
        """Return the outcome, and True if no other write of the same client overlapped.

        Of two overlapping writes, the one that the API applied last is unknown. A write by an
        unproven token invalidates its user's partition too, unless nothing was written.
        """
        self._begin(operation)
        partition, claimed = Partition(operation.caller), Partition.claimed(operation.caller)
        key = None if id is None else EntityKey(partition, id)
        self._memory.invalidate_in_flight(partition, key)
        fence = None if key is None else self._memory.generations.of_client(key)
        try:
            outcome = await send
        except (Unauthenticated, Forbidden):
            claimed = None
            self._memory.purge(partition)
            raise
        except (InvalidInput, RateLimited):
            claimed = None
            raise
        except NotFound:
            raise
        except Conflict as conflict:
            if conflict.maybe_written:
                self._memory.forget_lists(partition)
            raise
        except BaseException as failure:
            if isinstance(failure, Unavailable | IdempotencyUnavailable):
                claimed = None
            self._forget(partition, key)
            raise
        else:
            return outcome, key is None or self._memory.generations.of_client(key) == fence
        finally:
            self._memory.invalidate_in_flight(partition, key)
            if claimed is not None:
                key = None if id is None else EntityKey(claimed, id)
                self._memory.invalidate_in_flight(claimed, key)
                self._forget(claimed, key)

    def _forget(self, partition: Partition, key: EntityKey | None) -> None:
        self._memory.forget_lists(partition)
        if key is not None:
            self._memory.forget_client(key)
