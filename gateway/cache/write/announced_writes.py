"""Writes that the API must report by a webhook: their events prove that deliveries arrive."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gateway.cache.policy.delivery_proof import DeliveryProof
from gateway.cache.store.change_hints import ReportedChange
from gateway.cache.store.keys import Partition
from schema.source.protocols import ClientWriter
from schema.source.records import ClientId
from schema.source.request_context import RequestContext
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult

T = TypeVar("T")


class AnnouncedWriter:
    """Writes by `writer`, and notes each write in `proof`.

    `apply` gets the events that were held while a write was under way.
    """

    def __init__(
        self,
        writer: ClientWriter,
        proof: DeliveryProof,
        apply: Callable[[list[ReportedChange]], None],
        clock: Callable[[], float],
    ) -> None:
        self._writer = writer
        self._proof = proof
        self._apply = apply
        self._clock = clock

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client; a repeated result is of an earlier write."""
        send = self._writer.create(operation, new)
        return await self._announced(
            operation, None, send, lambda made: None if made.replayed else made.record.id
        )

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Change a client."""
        send = self._writer.update(operation, id, patch)
        return await self._announced(operation, id, send, lambda _: id)

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client."""
        send = self._writer.delete(operation, id)
        return await self._announced(operation, id, send, lambda _: id)

    async def _announced(
        self,
        operation: RequestContext,
        id: ClientId | None,
        send: Coroutine[Any, Any, T],
        written: Callable[[T], str | None],
    ) -> T:
        write = self._proof.begin(Partition(operation.caller), id)
        try:
            outcome = await send
        except BaseException:
            self._apply(self._proof.abandon(write))
            raise
        done = written(outcome)
        if done is None:
            self._apply(self._proof.abandon(write))
        else:
            self._apply(self._proof.end(write, done, self._clock()))
        return outcome
