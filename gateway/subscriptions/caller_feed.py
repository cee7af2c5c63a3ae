"""The changes of one caller's clients: each is read once, and delivered to all who subscribed."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from cachetools import LRUCache, TTLCache

from gateway.subscriptions.changes import PendingChange, kind_after
from gateway.subscriptions.contracts import Budget, ChangeSource
from gateway.subscriptions.delivery import EventDelivery, change_event
from gateway.subscriptions.pending import COALESCE_SECONDS, RETRY_SECONDS, PendingChanges
from gateway.subscriptions.reauthentication import current_caller, is_expired
from gateway.subscriptions.subscriber import End, Subscriber
from gateway.subscriptions.topics import Topics
from schema.source.errors import ClientError, Forbidden, NotFound, TooExpensive, Unauthenticated
from schema.source.records import ClientFilter, ClientId, ClientRecord, Window
from schema.source.request_context import (
    CacheDirectives,
    CallBudget,
    Caller,
    CallLimit,
    Priority,
    RequestContext,
)

READ_SECONDS = 10.0
"""Seconds that a reading may take."""
MAX_KNOWN = 10_000
"""Clients of one caller that are known to be theirs to see, and as many that are not."""
FOREIGN_SECONDS = 300.0
"""Seconds for which a client that the caller may not see is not read again after an update."""

_PAGE = Window(0, 100)
_log = logging.getLogger(__name__)


class CallerFeed:
    """The topics of one caller, and the changes that their subscribers have not received yet."""

    def __init__(  # noqa: PLR0913 - keyword arguments
        self,
        source: ChangeSource,
        delivery: EventDelivery,
        *,
        clock: Callable[[], float],
        budget: Budget,
        on_reading: Callable[[ClientRecord], None],
        on_close: Callable[[Subscriber], None],
        wall: Callable[[], float],
        move: Callable[[Subscriber, Caller, Mapping[ClientId, PendingChange]], None],
    ) -> None:
        """Create it; while `budget` is scarce, changes are not read."""
        self._source = source
        self._delivery = delivery
        self._clock = clock
        self._budget = budget
        self._on_reading = on_reading
        self._wall = wall
        self._move = move
        self.topics = Topics(on_close)
        self._pending = PendingChanges(self._read_due)
        self._batch: dict[ClientId, PendingChange] = {}
        """The changes that are being read."""
        self._sweeps = False
        """Whether a change of an unknown client is to be looked for."""
        self._known: LRUCache[ClientId, int | None] = LRUCache(MAX_KNOWN)
        """The versions that were delivered last."""
        self._foreign: TTLCache[ClientId, None] = TTLCache(MAX_KNOWN, FOREIGN_SECONDS, clock)
        """Clients that the caller may not see."""
        self._tasks: set[asyncio.Task[None]] = set()

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        self.topics.remove(subscriber)
        if not self.topics:
            self._pending.clear()

    def is_pending(self, id: ClientId) -> bool:
        """Return True if the client is about to be read, or being read."""
        return id in self._pending or id in self._batch

    def note(self, id: ClientId, change: PendingChange) -> None:
        """Add a change, to be read with all others of the next second."""
        if change.kind != "created" and not change.held and self._is_foreign(id):
            return
        if change.before is None:
            change.before = self._source.held(self.topics.caller, id)
        change.held |= id in self._known or change.before is not None
        self._pending.add(id, change)

    def _is_foreign(self, id: ClientId) -> bool:
        return id in self._foreign or not (
            id in self._known or self._source.may_see(self.topics.caller, id)
        )

    def note_any(self) -> None:
        """Add a change of some client: what differs on the first page of the list is found."""
        self._sweeps = True
        self._pending.wake(asyncio.get_running_loop().time() + COALESCE_SECONDS)

    def begin(self, subscriber: Subscriber, id: ClientId) -> None:
        """Begin with the present state of a client as the first event."""
        self._start(self._deliver_initial(subscriber, id))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Readings.

    def _read_due(self) -> None:
        if self.topics and not self._batch:
            self._start(self._deliver_due())

    async def _deliver_due(self) -> None:
        self._batch = self._pending.take()
        try:
            self._authenticate()
            if self._sweeps and self.topics:
                self._sweeps = False
                await self._sweep()
            if self._batch and self.topics:
                await self._deliver(await self._read(self._batch))
        except Exception:  # noqa: BLE001 - no caller awaits it: a bug is logged
            _log.exception("changes could not be delivered")
        finally:
            self._batch = {}
        if self.topics:
            self._pending.continue_after_reading()

    def _authenticate(self) -> None:
        """End what has expired, and move each token to the partition that it may read by now."""
        for subscriber in self.topics.of():
            caller = current_caller(subscriber.caller, self._budget.vouched)
            if is_expired(caller, self._wall()):
                subscriber.finish(End.UNAUTHENTICATED)
                self.remove(subscriber)
            elif caller.partition != subscriber.caller.partition:
                self._move(subscriber, caller, self._batch | self._pending.changes)

    async def _read(
        self, batch: Mapping[ClientId, PendingChange]
    ) -> Mapping[ClientId, ClientRecord | ClientError]:
        """Return the clients as they are after these changes, for at most as many calls."""
        operation = self._operation(len(batch))
        since = {id: change.at for id, change in batch.items()}
        try:
            readings = await self._source.fetch_since(operation, since, self.topics.fields)
        except ClientError as failure:
            readings = dict.fromkeys(batch, failure)
        finally:
            self._delivery.add_cost(operation.receipt)
        if any(isinstance(each, Unauthenticated) for each in readings.values()):
            self._reject(operation.caller.hash)
        return readings

    async def _sweep(self) -> None:
        """Read the first page again; the cache reports what differs."""
        operation = self._operation(1)
        operation.freshness = CacheDirectives(
            no_cache=True, only_if_cached=operation.freshness.only_if_cached
        )
        try:
            await self._source.read_page(
                operation, ClientFilter(), _PAGE, frozenset({"id"}), Priority.ENTITIES
            )
        except ClientError:
            pass  # the next reading of the list finds it
        finally:
            self._delivery.add_cost(operation.receipt)

    def _operation(self, calls: int) -> RequestContext:
        limit = CallLimit(calls, calls, calls)
        return RequestContext(
            self.topics.caller,
            self._clock() + READ_SECONDS,
            CacheDirectives(only_if_cached=self._budget.state().is_scarce),
            call_budget=CallBudget(lambda: limit),
        )

    # Events.

    async def _deliver(self, readings: Mapping[ClientId, ClientRecord | ClientError]) -> None:
        for id, reading in readings.items():
            if not self.topics:
                return
            change = self._batch[id]
            if isinstance(reading, ClientRecord):
                await self._deliver_record(id, change, reading)
            elif isinstance(reading, NotFound | Forbidden):
                await self._show(id, change, reading, None)
                self._known.pop(id, None)
                self._foreign[id] = None
            else:
                await self._deliver_later(id, change, reading)

    async def _deliver_record(
        self, id: ClientId, change: PendingChange, record: ClientRecord
    ) -> None:
        """Deliver a client, unless this version of it was delivered."""
        self._on_reading(record)
        self._foreign.pop(id, None)
        version = record.version if isinstance(record.version, int) else None
        is_new = version is None or self._known.get(id) != version or change.is_announced
        self._known[id] = version
        if is_new:
            await self._show(id, change, record, record)

    async def _deliver_later(
        self, id: ClientId, change: PendingChange, failure: ClientError
    ) -> None:
        """Read a client again later; a caller who held it learns of the change now."""
        if not isinstance(failure, TooExpensive | Unauthenticated):
            if not change.is_announced:
                await self._show(id, change, failure, self._source.held(self.topics.caller, id))
            change.is_announced = True
            self._pending.add(id, change, RETRY_SECONDS)
            return
        self._pending.add(id, change)

    async def _show(
        self,
        id: ClientId,
        change: PendingChange,
        reading: ClientRecord | ClientError,
        record: ClientRecord | None,
    ) -> None:
        kind = kind_after(change, reading)
        if kind is None:
            return
        topics = [each for each in self.topics if each.concerns(id, record, change.before)]
        stale = isinstance(reading, ClientError) and record is not None
        event = change_event(kind, id, record, change.wall)
        await self._delivery.deliver(event, topics, self.topics.caller, stale=stale)

    def _reject(self, credential: str) -> None:
        for subscriber in self.topics.of(credential):
            subscriber.finish(End.UNAUTHENTICATED)
            self.remove(subscriber)

    async def _deliver_initial(self, subscriber: Subscriber, id: ClientId) -> None:
        """Deliver the present state, unless a change was delivered in the meantime."""
        until, fields = self._clock() + READ_SECONDS, subscriber.topic.request.fields
        operation = RequestContext(subscriber.caller, until, waiters=subscriber.waiters)
        found: ClientRecord | ClientError
        try:
            [found] = await self._source.fetch(operation, [id], fields, Priority.INTERACTIVE)
        except ClientError as failure:
            found = failure
        if subscriber.has_events or subscriber.end is not None:
            self._delivery.add_cost(operation.receipt)
            return
        if isinstance(found, ClientRecord):
            self._known[id] = found.version if isinstance(found.version, int) else None
        await self._delivery.deliver_initial(subscriber, found, id, operation)
        if isinstance(found, Unauthenticated):
            self._reject(subscriber.caller.hash)
