"""A writer that determines the outcome of writes without a response."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import Protocol
from weakref import WeakValueDictionary

from cachetools import LRUCache

from gateway.writes import read_back as search
from gateway.writes.candidates import Search, creation_interval, fields_of
from gateway.writes.matching import ValueMatcher
from gateway.writes.merge import merge_base
from gateway.writes.update_outcome import resolve_lost_update, unconfirmed, with_changed_fields
from schema.source.cost import CostEstimate, Kind, WriteRequest
from schema.source.errors import ClientError, Conflict, NotFound, WriteUnconfirmed
from schema.source.protocols import ClientReader, ClientWriter
from schema.source.records import FIELDS, ClientId, ClientRecord
from schema.source.request_context import Priority, RequestContext
from schema.source.writes import (
    ClientPatch,
    ClockSkew,
    Confirmation,
    MergeResult,
    NewClient,
    SendInterval,
    WriteResult,
)

MERGES = 2
"""How often an update is re-applied on top of concurrent updates."""
CREATE_CALLS = 1 + search.CALLS
UPDATE_CALLS = 3
"""Calls of one update, with or without a version: two attempts and one read."""
MERGE_CALLS = (1 + MERGES) * UPDATE_CALLS
DELETE_CALLS = 3
"""The most calls of a write whose responses are lost; one call otherwise."""
_MAX_CALLS: Mapping[Kind, int] = {
    "create": CREATE_CALLS,
    "update": MERGE_CALLS,
    "delete": DELETE_CALLS,
}
_MADE = 10_000
"""Created clients that later searches exclude."""

_log = logging.getLogger(__name__)


def write_cost(request: WriteRequest) -> CostEstimate:
    """Return the cost of a write: one call, or its recovery where responses are lost.

    The maximum includes one detail read, because the client that a write returns may lack fields; a
    write that is rejected for its version is followed by one read of the client's current state.
    """
    return CostEstimate(1, 1, 1 + _MAX_CALLS[request.kind], 1)


class RecoverableSource(ClientReader, ClientWriter, Protocol):
    """A source that also knows what a search for a lost create needs."""

    @property
    def lead(self) -> ClockSkew:
        """How far the API's clock is ahead of the gateway's, as last measured."""

    def seen_before(self, time: float, /) -> Container[str]:
        """Return the ids of clients that were read before `time`, in Unix seconds."""


class RecoveringWriter:
    """Wraps a source: repeats idempotent writes, and verifies the others by reads.

    A create is never sent again. `now` returns Unix seconds.
    """

    def __init__(self, source: RecoverableSource, *, now: Callable[[], float] = time.time) -> None:
        self._source = source
        self._now = now
        self._likeness = ValueMatcher()
        self._made: LRUCache[tuple[str, str], None] = LRUCache(_MADE)
        self._alike: WeakValueDictionary[tuple[str, NewClient], asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client: send once, and search for the client if the response is lost."""
        async with self._serialise(operation, new):
            began = self._now()
            try:
                written = await self._source.create(operation, new)
            except WriteUnconfirmed as lost:
                sending = SendInterval(began, self._now())
                return await self._find(operation, new, sending, lost, frozenset())
            self._made[operation.caller.identity, written.record.id] = None
            self._likeness.learn(fields_of(new), written.record)
            return written

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Update a client; with `patch.merge`, also on top of changes to other fields."""
        over: MergeResult | None = None
        for merges_left in itertools.count(MERGES, -1):
            again = patch if over is None else replace(patch, expected_version=over.version)
            try:
                return replace(await self._put(operation, id, again), merged_over=over)
            except Conflict as conflict:
                mergeable = patch.merge and merges_left and not conflict.maybe_written
                over = merge_base(patch, conflict.current) if mergeable else None
                if over is None:
                    raise with_changed_fields(conflict, patch, self._likeness) from None
        raise AssertionError  # `itertools.count` is infinite

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client; without a response the delete, which is idempotent, is sent again."""
        try:
            return await self._source.delete(operation, id)
        except WriteUnconfirmed as error:
            lost = error
        try:
            return await self._source.delete(operation, id)
        except NotFound:
            return Confirmation.READBACK
        except ClientError:
            pass
        try:
            current = await self._read_back(operation, id, lost)
        except NotFound:
            return Confirmation.READBACK
        raise unconfirmed(lost, [current])

    async def find_created(
        self,
        operation: RequestContext,
        new: NewClient,
        sending: SendInterval,
        lost: WriteUnconfirmed,
        accounted: frozenset[str] = frozenset(),
    ) -> WriteResult:
        """Return the only client that a create can have made. Raises `lost` with the candidates.

        `accounted`: ids of the clients of other creates.
        """
        async with self._serialise(operation, new):
            return await self._find(operation, new, sending, lost, accounted)

    async def _find(
        self,
        operation: RequestContext,
        new: NewClient,
        sending: SendInterval,
        lost: WriteUnconfirmed,
        accounted: frozenset[str],
    ) -> WriteResult:
        identity = operation.caller.identity
        accounted |= {id for whose, id in self._made if whose == identity}
        before = self._source.seen_before(sending.began)
        sought = Search(new, self._likeness, accounted, before)
        try:
            found = await search.find_created(
                self._source,
                operation,
                sought,
                lambda: creation_interval(sending, self._source.lead),
            )
        except ClientError as failure:
            _log.warning("write %s could not be looked for: %s", lost.attempt_id, failure.code)
            raise lost from failure
        if found.match is None:
            raise unconfirmed(lost, found.candidates)
        self._made[identity, found.match.id] = None
        return WriteResult(found.match, Confirmation.READBACK)

    def _serialise(self, operation: RequestContext, new: NewClient) -> asyncio.Lock:
        """Return the lock of identical creates: of two at once, a client could be either's.

        The lock exists while a create holds it or waits for it.
        """
        return self._alike.setdefault((operation.caller.identity, new), asyncio.Lock())

    async def _put(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        try:
            written = await self._source.update(operation, id, patch)
        except WriteUnconfirmed as error:
            lost = error
        else:
            self._likeness.learn(patch.fields, written.record)
            return written
        current: ClientRecord | None = None
        if patch.expected_version is not None:
            # With the same version it can only do what the first did, or nothing.
            try:
                return await self._source.update(operation, id, patch)
            except Conflict as conflict:
                if conflict.current is None:  # it could not be read just now
                    raise lost from None
                current = conflict.current
            except ClientError:
                pass
        current = current or await self._read_back(operation, id, lost)
        return resolve_lost_update(patch, current, lost, self._likeness)

    async def _read_back(
        self, operation: RequestContext, id: ClientId, lost: WriteUnconfirmed
    ) -> ClientRecord:
        """Read the client. Raises `NotFound`, or `lost` if the read fails."""
        [current] = await self._source.fetch(operation, [id], FIELDS, Priority.WRITE)
        if isinstance(current, NotFound):
            raise current
        if isinstance(current, ClientError):
            raise lost from current
        return current
