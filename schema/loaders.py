"""The DataLoaders of one request: keys loaded in one tick of the loop are fetched together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, cast

from aiodataloader import DataLoader

from schema.source.request_context import Priority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schema.source.errors import ClientError
    from schema.source.protocols import ClientReader
    from schema.source.records import ClientId, ClientRecord, Fields
    from schema.source.request_context import RequestContext


class ClientKey(NamedTuple):
    """One client, and the fields of it that are selected."""

    id: ClientId
    fields: Fields


class ClientLoader(DataLoader["ClientKey", "ClientRecord"]):
    """Loads clients by id for one operation; each distinct id is fetched once.

    Two fields that select different parts of one client share one fetch that covers both.
    """

    def __init__(self, reader: ClientReader, operation: RequestContext, priority: Priority) -> None:
        super().__init__()
        self._reader = reader
        self._operation = operation
        self._priority = priority

    def load(self, key: ClientKey) -> asyncio.Future[ClientRecord]:
        """Return the client, or raise its `ClientError`.

        Every waiter gets its own future: graphql-core cancels the siblings of a failed non-null
        field, and the cancellation of a shared future would fail the fields of other waiters.
        """
        return asyncio.shield(super().load(key))

    async def batch_load_fn(  # type: ignore[override]  # aiodataloader spells it as an attribute
        self, keys: Sequence[ClientKey]
    ) -> list[ClientRecord | ClientError]:
        """Fetch the keys of one tick together."""
        ids = list(dict.fromkeys(key.id for key in keys))
        fields = cast("Fields", frozenset[str]().union(*(key.fields for key in keys)))
        found = await self._reader.fetch(self._operation, ids, fields, self._priority)
        by_id = dict(zip(ids, found, strict=True))
        return [by_id[key.id] for key in keys]


class Loaders:
    """The loaders of one operation, by priority."""

    def __init__(self, reader: ClientReader, operation: RequestContext) -> None:
        self.clients = ClientLoader(reader, operation, Priority.INTERACTIVE)
        self.entities = ClientLoader(reader, operation, Priority.ENTITIES)

    def for_priority(self, priority: Priority) -> ClientLoader:
        """Return the loader whose calls have the priority `priority`."""
        return self.entities if priority is Priority.ENTITIES else self.clients

    def clear(self) -> None:
        """Forget all loaded clients: after a write they may be outdated."""
        self.clients.clear_all()
        self.entities.clear_all()
