"""Revalidate in the background the clients that were served after they were no longer fresh."""

import itertools
import math
from collections.abc import Callable, Collection, Coroutine, Hashable
from functools import partial
from typing import Any

from gateway.cache.fetch.queries import ReadQuery
from gateway.cache.policy.revalidation import BackgroundRevalidation
from schema.source.records import ClientId
from schema.source.request_context import RequestContext

MAX_TOGETHER = 25
"""Clients that one revalidation reads."""
Refresh = Callable[[ReadQuery, Collection[ClientId]], Coroutine[Any, Any, Any]]


class _Gathered:
    """Clients to read together, unless they were read since `oldest`."""

    def __init__(self) -> None:
        self.ids: set[ClientId] = set()
        self.oldest = -math.inf


class ClientRevalidation:
    """Reads together the clients that one caller is served within one turn of the event loop.

    One call reads several of them, for a page of the list that has them.
    """

    def __init__(self, background: BackgroundRevalidation, refresh: Refresh) -> None:
        """Create it; `refresh` reads those clients that were not read since `query.oldest`."""
        self._background, self._refresh = background, refresh
        self._gathered: dict[Hashable, _Gathered] = {}
        self._under_way: dict[Hashable, set[ClientId]] = {}
        self._numbers = itertools.count()

    def start(self, query: ReadQuery, ids: Collection[ClientId], oldest: float) -> None:
        """Revalidate these clients of the query, which were not read since `oldest`."""
        name = query.partition, query.operation.caller.hash, query.fields
        under_way = self._under_way.get(name, set())
        left = [id for id in ids if id not in under_way]
        if not left:
            return
        gathered = self._gathered.get(name)
        if gathered is None or len(gathered.ids) + len(left) > MAX_TOGETHER:
            gathered = _Gathered()
            read = partial(self._read, name, gathered, query)
            if not self._background.start(query.operation, next(self._numbers), read):
                return
            self._gathered[name] = gathered
        gathered.ids.update(left)
        gathered.oldest = max(gathered.oldest, oldest)
        self._under_way.setdefault(name, set()).update(left)

    async def _read(
        self, name: Hashable, gathered: _Gathered, query: ReadQuery, operation: RequestContext
    ) -> None:
        if self._gathered.get(name) is gathered:
            del self._gathered[name]
        try:
            await self._refresh(query.for_refresh(operation, gathered.oldest), tuple(gathered.ids))
        finally:
            self._under_way[name] -= gathered.ids
            if not self._under_way[name]:
                del self._under_way[name]
