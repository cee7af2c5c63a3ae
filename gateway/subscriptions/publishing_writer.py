"""A writer whose writes are published as changes."""

from collections.abc import Callable

from gateway.subscriptions.changes import ChangeKind
from schema.source.errors import WriteUnconfirmed
from schema.source.protocols import ClientWriter
from schema.source.records import ClientId, ClientRecord
from schema.source.request_context import RequestContext
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult

Publish = Callable[[ChangeKind, list[str], str | None, ClientRecord | None], None]


class PublishingWriter:
    """Writes by `inner`, and publishes each write that happened or may have happened."""

    def __init__(self, inner: ClientWriter) -> None:
        self._inner = inner
        self.publish: Publish | None = None
        """None until subscriptions are served."""

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client."""
        written = await self._inner.create(operation, new)
        if not written.replayed:
            self._publish("created", written.record.id, operation.caller.partition, written.record)
        return written

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Change a client."""
        try:
            written = await self._inner.update(operation, id, patch)
        except WriteUnconfirmed:
            self._publish("unknown", id)
            raise
        self._publish("updated", id, operation.caller.partition, written.record)
        return written

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client."""
        try:
            confirmed = await self._inner.delete(operation, id)
        except WriteUnconfirmed:
            self._publish("unknown", id)
            raise
        self._publish("deleted", id, operation.caller.partition)
        return confirmed

    def _publish(
        self,
        kind: ChangeKind,
        id: str,
        writer: str | None = None,
        record: ClientRecord | None = None,
    ) -> None:
        if self.publish is not None:
            self.publish(kind, [id], writer, record)
