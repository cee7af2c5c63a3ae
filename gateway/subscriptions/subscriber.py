"""One subscriber and the events that wait for it; equal subscriptions of a caller share a topic."""

from collections.abc import Callable
from enum import Enum

from gateway.search.predicate import compile_criteria
from schema.execution.plan import ExecutionPlan
from schema.execution.root_fields import ChangesRequest
from schema.source.records import ClientId, ClientRecord
from schema.source.request_context import Caller, Waiters

MAX_WAITING = 1_000
"""Clients whose events may wait for one subscriber; one that is further behind is cut off."""


class End(Enum):
    """Why no further event comes to a subscriber."""

    LEFT = "SUBSCRIPTION_CLOSED", "The subscriber has left."
    SHUTDOWN = "SUBSCRIPTION_CLOSED", "The gateway is stopping: subscribe again."
    SLOW = "SUBSCRIPTION_CLOSED", "Too many events waited to be read: subscribe again."
    UNAUTHENTICATED = "UNAUTHENTICATED", "The API does not accept this credential any more."

    @property
    def code(self) -> str:
        """Return the code of the error that ends the subscription."""
        return self.value[0]

    @property
    def message(self) -> str:
        """Return the message of that error."""
        return self.value[1]

    @property
    def closes(self) -> bool:
        """Return True if the connection is closed, too."""
        return self is End.SHUTDOWN


class Topic:
    """An operation of one caller, executed once for each change, for all its subscribers."""

    __slots__ = ("_meets", "plan", "request", "subscribers")

    def __init__(self, plan: ExecutionPlan, request: ChangesRequest) -> None:
        self.plan = plan
        self.request = request
        self._meets = compile_criteria(request.criteria)
        self.subscribers: dict[Subscriber, None] = {}

    def concerns(self, id: ClientId, *records: ClientRecord | None) -> bool:
        """Return True if one of the records of this client is delivered, or if there is none."""
        if self.request.id is not None:
            return self.request.id == id
        known = [each for each in records if each is not None]
        return not known or any(map(self._meets, known))


class Subscriber:
    """One subscriber. Of the events of one client, only the newest waits.

    `wake` is called when there is something to take; it may neither wait nor fail.
    """

    __slots__ = (
        "_on_close",
        "_waiting",
        "_wake",
        "caller",
        "end",
        "has_events",
        "topic",
        "waiters",
    )

    def __init__(
        self,
        caller: Caller,
        topic: Topic,
        wake: Callable[[], None],
        on_close: "Callable[[Subscriber], None]",
    ) -> None:
        self._on_close = on_close
        self.caller = caller
        self.topic = topic
        self._wake = wake
        self._waiting: dict[str, bytes] = {}
        self.has_events = False
        """Whether an event was ever offered."""
        self.waiters = Waiters()
        """What waits for the first event: its reading is not sent once the subscriber has left."""
        self.end: End | None = None
        """Why no further event comes; those that wait are not delivered."""

    def offer(self, id: str, payload: bytes) -> None:
        """Add the event of a client in the place of an earlier one."""
        if self.end is not None:
            return
        self.has_events = True
        self._waiting.pop(id, None)
        if len(self._waiting) >= MAX_WAITING:
            self.finish(End.SLOW)
            return
        self._waiting[id] = payload
        self._wake()

    def take(self) -> bytes | None:
        """Return the next event, None if none waits."""
        if self.end is not None or not self._waiting:
            return None
        return self._waiting.pop(next(iter(self._waiting)))

    def leave(self) -> None:
        """End the subscription: the subscriber has left."""
        self.finish(End.LEFT)

    def close(self) -> None:
        """Remove the subscriber."""
        self.leave()
        self._on_close(self)

    def finish(self, end: End) -> None:
        """End the subscription."""
        if self.end is None:
            self.end = end
            self.waiters.leave()
            self._waiting.clear()
            self._wake()
