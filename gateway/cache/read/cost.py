"""Estimate the cost of requests, given the cache's present content; nothing is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.cache.fetch.queries import ReadQuery
from gateway.cache.read.entity_reader import EntityReader
from gateway.cache.read.list_lookup import ALL_CLIENTS
from gateway.cache.read.list_reader import ListReader
from gateway.cache.read.planner import PlannedRead
from gateway.cache.store.keys import ListKey, Partition
from schema.source.cost import (
    CostEstimate,
    EntitiesRequest,
    ListRequest,
    SourceRequest,
    WriteRequest,
)
from schema.source.records import Fields
from schema.source.request_context import Priority, RequestContext
from schema.source.search import SearchRequest

_ALWAYS: frozenset[str] = frozenset({"id"})
"""Fields that no row lacks."""


@dataclass(eq=False, repr=False)
class CostEstimates:
    """Estimates the cost of requests before they are sent."""

    _write_cost: Callable[[WriteRequest], CostEstimate]
    _lists: ListReader
    _by_id: EntityReader
    _query: Callable[[RequestContext, Fields, Priority], ReadQuery]
    """Returns the query of an operation that begins now."""
    _search: Callable[
        [RequestContext, SearchRequest, set[PlannedRead], Callable[[], CostEstimate]],
        CostEstimate,
    ]
    """Returns the cost of a search, given the pages that the operation reads anyway and the cost of
    completing rows not yet known."""

    def estimate(
        self, operation: RequestContext, needs: Sequence[SourceRequest]
    ) -> Sequence[CostEstimate]:
        """Return the cost of each request, given those before it.

        A page that two requests need is read once.
        """
        reading: set[PlannedRead] = set()
        priorities: set[Priority] = set()
        prices: list[CostEstimate] = []
        for need in needs:
            if isinstance(need, SearchRequest):
                completing = partial(self._completion, Partition(operation.caller), need)
                prices.append(self._search(operation, need, reading, completing))
            elif isinstance(need, ListRequest):
                prices.append(self._rows(operation, need, reading))
            elif isinstance(need, EntitiesRequest):
                price = self._clients(operation, need, reading, shared=need.priority in priorities)
                priorities |= {need.priority} if price.maximum else set()
                prices.append(price)
            else:
                prices.append(self._write_cost(need))
        return prices

    def _rows(
        self, operation: RequestContext, need: ListRequest, reading: set[PlannedRead]
    ) -> CostEstimate:
        listed = self._lists.lookup
        query = self._query(operation, need.fields, Priority.INTERACTIVE)
        key = ListKey(query.partition, need.where)
        known = listed.find(key, need.window, need.fields, query.oldest)
        if known is not None:
            lacking = [record for record in known.page.records if record.is_missing(need.fields)]
            details = len(lacking)
            return CostEstimate(0, details, details, 0, details)
        reads = set(self._lists.plan.plan(key, need.window, query.oldest)) - reading
        reading |= reads
        direct = sum(self._lists.page_cost(window) for _, window in reads)
        # The first page of another list may not be the whole collection.
        speculative = any(target != key for target, _ in reads)
        again = self._lists.page_cost(need.window) if speculative else 0
        if need.window.between is not None:
            # The row that the window is counted from may have moved out of the page read.
            again += self._lists.page_cost(need.window)
        least = sum(1 if window.from_end else self._lists.page_cost(window) for _, window in reads)
        completing = self._completion(query.partition, need)
        return CostEstimate(least, direct, direct + again, direct) + completing

    def _completion(self, partition: Partition, need: ListRequest) -> CostEstimate:
        """Return the cost of completing rows that lack selected fields."""
        rows = 0 if need.fields <= _ALWAYS else need.window.limit
        total = self._lists.lookup.total(partition)
        there = rows if total is None else min(rows, total)
        expected = 0 if need.fields <= self._lists.row_fields.known else there
        details = expected if self._lists.row_fields.lack(need.fields) else 0
        return CostEstimate(0, expected, self._worst(rows, need.fields), 0, details)

    def _clients(
        self,
        operation: RequestContext,
        need: EntitiesRequest,
        reading: set[PlannedRead],
        *,
        shared: bool,
    ) -> CostEstimate:
        """Return the cost of looking clients up.

        `shared`: whether other clients are read with these, perhaps from the same pages.
        """
        query = self._query(operation, need.fields, need.priority)
        unknown_ids = len(self._by_id.lookup(query, need.ids)[1])
        if not unknown_ids:
            return CostEstimate()
        every = ListKey(query.partition, ALL_CLIENTS)
        sweep = [(every, page) for page in self._lists.lookup.unread(every, query.oldest)]
        pays = unknown_ids > 1 and need.fields <= self._lists.row_fields.known and bool(sweep)
        expected = min(unknown_ids, len(sweep)) if pays else unknown_ids
        least = 0 if pays and not reading.isdisjoint(sweep) else 1
        known = shared or self._lists.lookup.total(query.partition) is not None
        return CostEstimate(
            least, expected, self._worst(unknown_ids, need.fields, known=known), unknown_ids, 0
        )

    def _worst(self, clients: int, fields: Fields, *, known: bool = False) -> int:
        """Return the most calls for this many clients: details, and pages read without result.

        If the list is `known`, or other clients are read with these, there may be one such page for
        each client: the page on which it stood before.
        """
        if not fields <= self._lists.row_fields.known:
            return clients
        return clients + (clients if known else max(0, clients - 1))
