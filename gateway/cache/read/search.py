"""Answer searches from held collections, and read those that are missing."""

import math
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any

from gateway.cache.fetch.queries import ReadQuery
from gateway.cache.policy.freshness import (
    CachePolicy,
    FreshnessLimits,
    scan_limits,
    stale_if_error_since,
)
from gateway.cache.policy.revalidation import BackgroundRevalidation
from gateway.cache.read.collection_reader import CollectionReader, Found
from gateway.cache.read.derived import Derivations
from gateway.cache.read.planner import PlannedRead
from schema.source.cost import CostEstimate
from schema.source.errors import NotListed, RateLimited, TooExpensive, Unavailable
from schema.source.records import ClientId, Fields, Page
from schema.source.request_context import Priority, RequestContext
from schema.source.search import BY_DEFAULT, Question, SearchRequest
from schema.types.error_union import graph_names


@dataclass(eq=False, repr=False)
class SearchReader:
    """Answers the searches of all callers."""

    collections: CollectionReader
    derived: Derivations
    _: KW_ONLY
    query: Callable[[RequestContext, Fields, Priority], ReadQuery]
    read_clients: Callable[[ReadQuery, Sequence[ClientId]], Coroutine[Any, Any, object]]
    unlisted: Callable[[Fields], Fields]
    refresh: BackgroundRevalidation
    policy: CachePolicy
    clock: Callable[[], float]
    counts: Counter[tuple[str, str]]

    async def search(self, operation: RequestContext, request: SearchRequest) -> Page:
        """Return a window of the matching clients, from a held collection if there is one."""
        self._check_listed(request.needs)
        query = self.query(operation, request.fields, Priority.INTERACTIVE)
        found = self._held(query, request, self._served)
        if found is None:
            self.counts["list", "miss"] += 1
            found = await self._read_missing(query, request)
        else:
            self.counts["list", "hit"] += 1
            operation.receipt.saved += found[1].calls
        return self._page(query, request, found)

    def estimate(
        self,
        operation: RequestContext,
        request: SearchRequest,
        reading: set[PlannedRead],
        completing: Callable[[], CostEstimate],
    ) -> CostEstimate:
        """Return the calls of a search now, without those of `reading`, to which its own are added.

        `completing` returns the calls that complete rows not yet known.
        """
        if self.unlisted(request.needs):
            return CostEstimate()
        query = self.query(operation, request.fields, Priority.INTERACTIVE)
        found = self._held(query, request, self._served)
        if found is None:
            return self.collections.cost(query, request.where, reading) + completing()
        question = self._resolved(request.question)
        page, _ = self.derived.page(*found, question, request.window)
        details = sum(record.is_missing(request.fields) for record in page.records)
        return CostEstimate(0, details, details, 0, details)

    def _page(self, query: ReadQuery, request: SearchRequest, found: Found) -> Page:
        key, held = found
        limits, now = self._limits(query, held.calls), self.clock()
        longer = limits.fresh - query.limits.fresh
        query = replace(query, limits=limits, oldest=now - limits.served)
        hinted_at = self.collections.hinted_at(key, held)
        query.note_age(held.at, now, hinted_at, longer)
        query.operation.receipt.drift |= held.drift
        oldest = max(now - limits.fresh, hinted_at if held.calls == 1 else -math.inf)
        if held.drift:  # rows may be missing: it is fresh for as long as a page
            oldest = max(oldest, now - limits.fresh + longer)
        if held.at < oldest:
            self.counts["list", "stale"] += 1
            self.refresh.start(
                query.operation,
                key,
                lambda own: self.collections.read(
                    query.for_refresh(own, oldest), key.where, _accept
                ),
            )
        elif hinted_at > held.at and (changed := self.collections.changed(held)):
            self.refresh.start(
                query.operation,
                (key, "changed"),
                lambda own: self.read_clients(query.for_refresh(own, hinted_at), changed),
            )
        question = self._resolved(request.question)
        page, lost = self.derived.page(key, held, question, request.window)
        query.operation.receipt.drift |= lost
        return page

    async def _read_missing(self, query: ReadQuery, request: SearchRequest) -> Found:
        """Read the collection; if that fails, return an older one, marked as stale."""
        try:
            query.check_upstream_allowed(self.clock())
            return await self.collections.read(
                query, request.where, lambda: self._check_listed(request.needs)
            )
        except (RateLimited, TooExpensive, Unavailable) as failed:
            older = self._held(query, request, partial(_excused, failed))
            if older is None:
                raise
            return older

    def _held(
        self,
        query: ReadQuery,
        request: SearchRequest,
        oldest: Callable[[FreshnessLimits, float], float],
    ) -> Found | None:
        now = self.clock()
        return self.collections.held(
            query.partition,
            request.where,
            lambda calls: oldest(self._limits(query, calls), now),
        )

    @staticmethod
    def _served(limits: FreshnessLimits, now: float) -> float:
        return now - limits.served

    def _limits(self, query: ReadQuery, calls: int) -> FreshnessLimits:
        return scan_limits(query.limits.fresh, calls, query.operation.freshness, self.policy)

    def _check_listed(self, needs: Fields) -> None:
        if unlisted := self.unlisted(needs):
            raise NotListed(
                f"The API's list rows lack {', '.join(graph_names(unlisted))}, and to read each"
                " client on its own would cost a call for each: leave that out of filter, search,"
                " order and facets."
            )

    def _resolved(self, question: Question) -> Question:
        """Return the question with what is searched by default, as far as list rows have it."""
        if not question.search or question.within is not None:
            return question
        within = frozenset(part for part in BY_DEFAULT if not self.unlisted(frozenset(part.value)))
        return replace(question, within=within)


def _accept() -> None:
    """Accept any rows."""


def _excused(
    failure: RateLimited | TooExpensive | Unavailable, limits: FreshnessLimits, now: float
) -> float:
    oldest = stale_if_error_since(failure, now, limits)
    return now if oldest is None else oldest
