"""The subscriptions of all callers, and the changes that reach them."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from cachetools import LRUCache

from gateway.subscriptions.caller_feed import CallerFeed
from gateway.subscriptions.changes import ChangeKind, PendingChange
from gateway.subscriptions.contracts import Budget, ChangeSource, EventExecutor
from gateway.subscriptions.delivery import EventDelivery
from gateway.subscriptions.publishing_writer import PublishingWriter
from gateway.subscriptions.subscriber import End, Subscriber
from schema.execution.plan import ExecutionPlan
from schema.execution.root_fields import ChangesRequest
from schema.source.records import ClientId, ClientRecord, client_id
from schema.source.request_context import Caller

HOUR = 3_600.0
MAX_SEEN = 20_000
"""Clients whose latest known version is held."""
MAX_RECENT = 10_000
"""Changes of the last hour that are counted."""


class SubscriptionHub:
    """Delivers changes to the subscribers who may see them.

    `publish` is for events that name clients of any caller: each caller's own reading decides what
    they learn. `note_difference` is for what one caller's reading has shown already.
    """

    def __init__(  # noqa: PLR0913 - keyword arguments
        self,
        source: ChangeSource,
        execute: EventExecutor,
        writes: PublishingWriter,
        budget: Budget,
        max_per_caller: int,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Create it; writes, and differences that readings of `source` show, are published."""
        self._source = source
        self._execute = execute
        self._clock = clock
        self._wall = wall
        self._budget = budget
        self._max_per_caller = max_per_caller
        self._feeds: dict[str, CallerFeed] = {}
        self._versions: LRUCache[str, int] = LRUCache(MAX_SEEN)
        """The latest version of each client that any caller was delivered."""
        self._recent: deque[tuple[float, str | None]] = deque(maxlen=MAX_RECENT)
        self.is_draining = False
        writes.publish = self.publish
        source.watch(self.note_difference)

    # Subscribers.

    def subscribe(
        self, plan: ExecutionPlan, request: ChangesRequest, caller: Caller, wake: Callable[[], None]
    ) -> Subscriber:
        """Add a subscriber."""
        feed = self._feed_of(caller)
        subscriber = feed.topics.add(plan, request, caller, wake)
        if self.is_draining:
            subscriber.finish(End.SHUTDOWN)
        elif request.initial and request.id is not None:
            feed.begin(subscriber, request.id)
        return subscriber

    def has_room(self, caller: Caller) -> bool:
        """Return False if the caller has as many subscriptions as one may have."""
        feed = self._feeds.get(caller.partition)
        return feed is None or len(feed.topics) < self._max_per_caller

    def _remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber; what is known for its caller goes with the caller's last one."""
        partition = subscriber.caller.partition
        feed = self._feeds.get(partition)
        if feed is not None:
            feed.remove(subscriber)
            if not feed.topics:
                del self._feeds[partition]

    def _move(
        self, subscriber: Subscriber, caller: Caller, changes: Mapping[ClientId, PendingChange]
    ) -> None:
        """Have a subscriber receive these and later changes by another partition's readings."""
        self._remove(subscriber)
        feed = self._feed_of(caller)
        feed.topics.adopt(subscriber, caller)
        for id, change in changes.items():
            if feed.topics.wants(id):
                feed.note(id, PendingChange(change.kind, change.at, change.wall, held=False))

    def drain(self) -> None:
        """End all subscriptions: the gateway stops."""
        self.is_draining = True
        for feed in list(self._feeds.values()):
            for subscriber in feed.topics.of():
                subscriber.finish(End.SHUTDOWN)

    def subscribers(self) -> int:
        """Return the number of subscriptions."""
        return sum(len(feed.topics) for feed in self._feeds.values())

    def changes_per_hour(self, id: ClientId | None) -> int:
        """Return how many changes were learned of in the last hour, of one client or of all."""
        since = self._wall() - HOUR
        return sum(at >= since and id in {None, changed} for at, changed in self._recent)

    def _feed_of(self, caller: Caller) -> CallerFeed:
        feed = self._feeds.get(caller.partition)
        if feed is None:
            feed = self._feeds[caller.partition] = self._new_feed()
        return feed

    def _new_feed(self) -> CallerFeed:
        return CallerFeed(
            self._source,
            EventDelivery(self._execute, self._wall),
            clock=self._clock,
            budget=self._budget,
            on_reading=self._note_version,
            on_close=self._remove,
            wall=self._wall,
            move=self._move,
        )

    # Changes.

    def receive(self, kind: ChangeKind, ids: frozenset[str]) -> None:
        """Note a change that a webhook reported."""
        self._source.note_change(kind, ids)
        self.publish(kind, ids)

    def publish(
        self,
        kind: ChangeKind,
        ids: Iterable[str],
        writer: str | None = None,
        record: ClientRecord | None = None,
        at: float | None = None,
    ) -> None:
        """Note a change of clients; without ids, of any client.

        `writer` is the partition of the caller whose own write it is, and `record` what the API
        returned for it at `at`, which is now by default.
        """
        named = [id for id in map(client_id, ids) if id is not None]
        wall, seen_at = self._wall(), self._clock() if at is None else at
        self._recent.extend((wall, id) for id in named or (None,))
        if record is not None:
            self._note_version(record)
        for partition, feed in self._feeds.items():
            own = writer == partition
            for id in named:
                if feed.topics.wants(id):
                    held = own and kind != "created"
                    feed.note(id, PendingChange(kind, seen_at, wall, held, own=own))
            if not named:
                feed.note_any()

    def note_difference(  # noqa: PLR0913, PLR0917 - the facts of one change
        self,
        partition: str,
        kind: ChangeKind,
        id: str,
        at: float,
        before: ClientRecord | None,
        after: ClientRecord | None,
        /,
    ) -> None:
        """Note that a reading sent at `at` for one caller differs from what was cached.

        `before` and `after` are the client. Other callers learn of a version that is new
        to all of them.
        """
        named = client_id(id)
        if not self._feeds or named is None:
            return
        version = None if after is None else after.version
        is_news = isinstance(version, int) and version > self._versions.get(id, -1)
        wall = self._wall()
        for other, feed in self._feeds.items():
            own = other == partition
            if not (own or is_news) or feed.is_pending(named) or not feed.topics.wants(named):
                continue
            seen_at, held = (at, before) if own else (self._clock(), None)
            feed.note(named, PendingChange(kind, seen_at, wall, held is not None, held))
        if is_news and after is not None:
            self._recent.append((wall, id))
            self._note_version(after)

    def _note_version(self, record: ClientRecord) -> None:
        if isinstance(record.version, int):
            self._versions[record.id] = max(record.version, self._versions.get(record.id, -1))
