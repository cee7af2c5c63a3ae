"""What subscriptions need of the other parts of the gateway."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gateway.subscriptions.changes import ChangeKind
from schema.execution.plan import ExecutionPlan
from schema.source.errors import ClientError
from schema.source.protocols import ClientSource
from schema.source.records import ClientId, ClientRecord, Fields
from schema.source.request_context import Caller, RateLimitState, RequestContext
from schema.types.client_change import ClientChange

NoteDifference = Callable[
    [str, ChangeKind, str, float, ClientRecord | None, ClientRecord | None], None
]
"""Notes partition, kind, id, the time of the reading, and the client before and after it."""


class ChangeSource(ClientSource, Protocol):
    """A source of clients that can read what has changed."""

    @property
    def responses(self) -> Any:  # noqa: ANN401 - for the web alone
        """Return the stored responses; None if there are none."""

    def note_change(self, kind: ChangeKind, ids: frozenset[str]) -> None:
        """Note a change that a webhook reported: what was read before is no longer fresh."""

    def freshness(self) -> dict[str, object]:
        """Return whether webhooks are proven to arrive, and what follows from it."""

    def watch(self, note: NoteDifference) -> None:
        """Have each reading reported that differs from what was cached."""

    def held(self, caller: Caller, id: ClientId) -> ClientRecord | None:
        """Return the caller's client at any age if it is cached, without a call."""

    def may_see(self, caller: Caller, id: ClientId) -> bool:
        """Return False if what is cached shows that the client is not the caller's."""

    async def fetch_since(
        self, operation: RequestContext, since: Mapping[ClientId, float], fields: Fields
    ) -> Mapping[ClientId, ClientRecord | ClientError]:
        """Return each client as read since a time of the gateway's clock, or its failure.

        It is read at most once, after what people wait for, unless such a reading is cached; not at
        all if the operation accepts only cached readings.
        """


class Budget(Protocol):
    """The API's window, and the credentials that the API has accepted."""

    def state(self) -> RateLimitState:
        """Return what is left of the window."""

    def vouched(self, credential: str) -> bool:
        """Return True if the API accepted the credential with this hash in the last minutes."""


class EventExecutor(Protocol):
    """Executes the selection of a subscription for one event."""

    async def __call__(
        self,
        planned: ExecutionPlan,
        operation: RequestContext,
        event: ClientChange | ClientError,
        /,
    ) -> dict[str, Any]:
        """Return the body of the response, with the receipt; a failure in place of an event too."""
