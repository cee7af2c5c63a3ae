"""The subscribers of one caller, those with equal operations together."""

from collections.abc import Callable, Iterator

import orjson

from gateway.subscriptions.subscriber import Subscriber, Topic
from schema.execution.plan import ExecutionPlan
from schema.execution.root_fields import ChangesRequest
from schema.source.records import ClientId, Fields
from schema.source.request_context import Caller

TopicKey = tuple[str, str | None, bytes]


class Topics:
    """The topics of one caller."""

    def __init__(self, on_close: Callable[[Subscriber], None]) -> None:
        """Create it; `on_close` is called with each subscriber that is to be removed."""
        self._on_close = on_close
        self._topics: dict[TopicKey, Topic] = {}
        self._subscribers: dict[Subscriber, None] = {}

    def __len__(self) -> int:
        return len(self._subscribers)

    def __iter__(self) -> Iterator[Topic]:
        return iter(list(self._topics.values()))

    @property
    def caller(self) -> Caller:
        """Return the credential that subscribed last: the newest of its user."""
        return next(reversed(self._subscribers)).caller

    @property
    def fields(self) -> Fields:
        """Return the record fields that the events of all topics need."""
        return frozenset[str]().union(*(each.request.fields for each in self._topics.values()))

    def add(
        self, plan: ExecutionPlan, request: ChangesRequest, caller: Caller, wake: Callable[[], None]
    ) -> Subscriber:
        """Add a subscriber."""
        subscriber = Subscriber(caller, Topic(plan, request), wake, self._on_close)
        self.adopt(subscriber, caller)
        return subscriber

    def adopt(self, subscriber: Subscriber, caller: Caller) -> None:
        """Add a subscriber of another partition, with the caller that it is now."""
        plan, request = subscriber.topic.plan, subscriber.topic.request
        subscriber.caller = caller
        subscriber.topic = self._topics.setdefault(_key(plan), Topic(plan, request))
        subscriber.topic.subscribers[subscriber] = None
        self._subscribers[subscriber] = None

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber, and its topic after the last one; again, it has no effect."""
        if subscriber not in self._subscribers:
            return
        topic = subscriber.topic
        del topic.subscribers[subscriber], self._subscribers[subscriber]
        if not topic.subscribers:
            self._topics.pop(_key(topic.plan), None)

    def wants(self, id: ClientId) -> bool:
        """Return True if a subscriber waits for changes of this client."""
        return any(topic.request.id in {None, id} for topic in self._topics.values())

    def of(self, credential: str | None = None) -> list[Subscriber]:
        """Return the subscribers, or those with this credential's hash."""
        return [each for each in self._subscribers if credential in {None, each.caller.hash}]


def _key(plan: ExecutionPlan) -> TopicKey:
    """Return what is equal for equal operations: text, name and variables."""
    location = plan.operation.document.loc
    assert location is not None  # noqa: S101 - it was parsed
    variables = orjson.dumps(plan.variable_values.given, option=orjson.OPT_SORT_KEYS)
    return location.source.body, plan.name, variables
