"""Execute the selections of a caller's topics for one event, and offer the responses."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import strawberry

from gateway.subscriptions.changes import timestamp
from gateway.subscriptions.contracts import EventExecutor
from gateway.subscriptions.subscriber import Subscriber, Topic
from schema.source.errors import ClientError, Forbidden, NotFound
from schema.source.records import ClientId, ClientRecord
from schema.source.request_context import (
    CacheDirectives,
    CallBudget,
    Caller,
    CallLimit,
    RateLimitState,
    Receipt,
    RequestContext,
)
from schema.types.client import Client
from schema.types.client_change import ClientChange
from schema.types.enums import ClientChangeKind

_CACHED_ONLY = CacheDirectives(only_if_cached=True)
_NO_CALLS = CallLimit(0, 0, 0)


def change_event(
    kind: ClientChangeKind, id: ClientId, record: ClientRecord | None, wall: float
) -> ClientChange:
    """Return the event of a change that was learned of at `wall`, in Unix seconds."""
    client = None if record is None else Client.of(record)
    return ClientChange(kind=kind, client_id=strawberry.ID(id), client=client, at=timestamp(wall))


class EventDelivery:
    """The deliveries to one caller. Each call of a reading is on the receipt of one event."""

    def __init__(self, execute: EventExecutor, wall: Callable[[], float]) -> None:
        self._execute = execute
        self._wall = wall
        self._unbilled = 0
        """Calls that are on no receipt yet."""
        self._budget: RateLimitState | None = None

    def add_cost(self, receipt: Receipt) -> None:
        """Add the calls of a reading to the next receipt."""
        self._unbilled += receipt.calls
        self._budget = receipt.budget or self._budget

    async def deliver(
        self, event: ClientChange, topics: Iterable[Topic], caller: Caller, *, stale: bool
    ) -> None:
        """Offer the event to the subscribers of these topics."""
        for topic in topics:
            receipt = Receipt(budget=self._budget, stale=stale)
            calls, self._unbilled = self._unbilled, 0
            operation = RequestContext(
                caller, math.inf, _CACHED_ONLY, receipt, call_budget=CallBudget(lambda: _NO_CALLS)
            )
            receipt.calls = calls
            body = await self._execute(topic.plan, operation, event)
            payload = orjson.dumps(body)
            for subscriber in list(topic.subscribers):
                subscriber.offer(event.client_id, payload)
                if calls:
                    calls, payload = 0, orjson.dumps(_joined(body))

    async def deliver_initial(
        self,
        subscriber: Subscriber,
        found: ClientRecord | ClientError,
        id: ClientId,
        operation: RequestContext,
    ) -> None:
        """Offer the present state of a client, or the failure to read it."""
        event: ClientChange | ClientError
        if isinstance(found, ClientError) and not isinstance(found, NotFound | Forbidden):
            event = found
        else:
            record = found if isinstance(found, ClientRecord) else None
            event = change_event(ClientChangeKind.UNKNOWN, id, record, self._wall())
        body = await self._execute(subscriber.topic.plan, operation, event)
        if not subscriber.has_events:
            subscriber.offer(id, orjson.dumps(body))


def _joined(body: dict[str, Any]) -> dict[str, Any]:
    """Return the response with the receipt of one that shared the calls of another."""
    upstream = {**body["extensions"]["upstream"], "calls": 0, "joined": 1}
    return {**body, "extensions": {**body["extensions"], "upstream": upstream}}
