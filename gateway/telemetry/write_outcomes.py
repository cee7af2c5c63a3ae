"""A writer that counts writes by their outcome."""

from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

from schema.source.errors import ClientError, WriteUnconfirmed
from schema.source.protocols import ClientWriter
from schema.source.records import ClientId
from schema.source.request_context import RequestContext
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult

T = TypeVar("T")
KINDS = ("create", "update", "delete")
DONE, FAILED = "DONE", "INTERNAL"
"""Outcomes beside the codes of `ClientError`."""


class MeasuredWriter:
    """Counts the writes of `inner` in `outcomes`, by kind and outcome."""

    def __init__(self, inner: ClientWriter, outcomes: Counter[tuple[str, str]]) -> None:
        self._inner = inner
        self._outcomes = outcomes
        for kind in KINDS:  # Prometheus sees no increase in a counter whose first sample is 1
            outcomes[kind, WriteUnconfirmed.code] = 0

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client, at most once."""
        return await self._counted("create", self._inner.create(operation, new))

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Change a client."""
        return await self._counted("update", self._inner.update(operation, id, patch))

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client, irreversibly."""
        return await self._counted("delete", self._inner.delete(operation, id))

    async def _counted(self, kind: str, writing: Awaitable[T]) -> T:
        outcome = FAILED
        try:
            result = await writing
            outcome = DONE
        except ClientError as failure:
            outcome = failure.code
            raise
        finally:
            self._outcomes[kind, outcome] += 1
        return result
