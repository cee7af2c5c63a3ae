"""The DataLoaders of one request: keys loaded in one tick of the loop are read together.

`read` reads at once, and primes the loader with the outcome: later loads of the same are answered
from it. A failure is an outcome, too: it is not tried again within the request.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from aiodataloader import DataLoader

from schema.source.cost import ListRequest
from schema.source.protocols import ClientReader, ClientSearcher
from schema.source.records import ClientId, ClientRecord, Fields, Page
from schema.source.request_context import Priority, RequestContext
from schema.source.search import SearchRequest

K = TypeVar("K")
V = TypeVar("V")


class ClientKey(NamedTuple):
    """One client, and the fields of it that are selected."""

    id: ClientId
    fields: Fields


class ShieldedLoader(DataLoader[K, V]):
    """A DataLoader whose waiters may be cancelled one by one.

    It is initialized by the first load: compiled operations need only what was read, and to
    initialize it takes longer than a cached read.
    """

    def __init__(self) -> None:
        self._is_initialized = False

    def load(self, key: K) -> asyncio.Future[V]:
        """Return the value, or raise its failure.

        Every waiter gets its own future: graphql-core cancels the siblings of a failed non-null
        field, and the cancellation of a shared future would fail the fields of other waiters.
        """
        if not self._is_initialized:
            super().__init__()
            self._is_initialized = True
        return asyncio.shield(super().load(key))


class ClientLoader(ShieldedLoader["ClientKey", "ClientRecord"]):
    """Loads clients by id for one operation; each distinct id is fetched once.

    Two fields that select different parts of one client share one fetch that covers both.
    """

    def __init__(self, reader: ClientReader, operation: RequestContext, priority: Priority) -> None:
        super().__init__()
        self._reader = reader
        self._operation = operation
        self._priority = priority
        self.outcomes: dict[ClientId, ClientRecord | Exception] = {}
        """The records and failures of the clients read so far."""

    async def read(
        self, ids: Iterable[ClientId], fields: Fields
    ) -> Mapping[ClientId, ClientRecord | Exception]:
        """Read distinct clients at once, with `fields`, and return all outcomes so far."""
        named = list(ids)
        try:
            found = await self._reader.fetch(self._operation, named, fields, self._priority)
        except Exception as failure:  # noqa: BLE001 - the outcome of each of them
            self.outcomes.update(dict.fromkeys(named, failure))
        else:
            self.outcomes.update(zip(named, found, strict=True))
        return self.outcomes

    async def batch_load_fn(  # type: ignore[override]  # aiodataloader spells it as an attribute
        self, keys: Sequence[ClientKey]
    ) -> list[ClientRecord | Exception]:
        """Read the keys of one tick together, except those that were read already."""
        unread = [key for key in keys if self._lacks(key)]
        if unread:
            fields = frozenset[str]().union(*(key.fields for key in unread))
            await self.read(dict.fromkeys(key.id for key in unread), fields)
        return [self.outcomes[key.id] for key in keys]

    def _lacks(self, key: ClientKey) -> bool:
        known = self.outcomes.get(key.id)
        return known is None or (not isinstance(known, Exception) and known.is_missing(key.fields))


class PageLoader(ShieldedLoader["ListRequest", "Page"]):
    """Loads pages of the list for one operation; equal requests are read once."""

    def __init__(self, reader: ClientSearcher, operation: RequestContext) -> None:
        super().__init__()
        self._reader = reader
        self._operation = operation
        self.outcomes: dict[ListRequest, Page | Exception] = {}

    async def read(self, request: ListRequest) -> Page | Exception:
        """Read a page at once, unless it was read already, and return it or its failure."""
        known = self.outcomes.get(request)
        if known is None:
            try:
                known = await self._read(request)
            except Exception as failure:  # noqa: BLE001 - the outcome
                known = failure
            self.outcomes[request] = known
        return known

    async def _read(self, request: ListRequest) -> Page:
        if isinstance(request, SearchRequest):
            return await self._reader.search(self._operation, request)
        return await self._reader.read_page(
            self._operation, request.where, request.window, request.fields
        )

    async def batch_load_fn(  # type: ignore[override]  # aiodataloader spells it as an attribute
        self, keys: Sequence[ListRequest]
    ) -> list[Page | Exception]:
        """Read the pages of one tick at the same time."""
        return await asyncio.gather(*map(self.read, keys))


class Loaders:
    """The loaders of one operation; each is created on first use."""

    def __init__(self, reader: ClientSearcher, operation: RequestContext) -> None:
        self._reader = reader
        self._operation = operation
        self._pages: PageLoader | None = None
        self._clients: dict[Priority, ClientLoader] = {}

    @property
    def pages(self) -> PageLoader:
        """Return the loader of pages."""
        if self._pages is None:
            self._pages = PageLoader(self._reader, self._operation)
        return self._pages

    def clients(self, priority: Priority) -> ClientLoader:
        """Return the loader of clients whose calls have this priority."""
        loader = self._clients.get(priority)
        if loader is None:
            loader = ClientLoader(self._reader, self._operation, priority)
            self._clients[priority] = loader
        return loader

    def clear(self) -> None:
        """Forget all loaded clients: the write that follows may change them."""
        self._clients.clear()
