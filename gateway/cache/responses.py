"""Answers remembered by what they are made of, encoded: asked again, they are told as they are.

An answer is kept that was made of memory alone. It is told again for as long as the same question
would be answered the same from the same memory: until anything of its caller's changes (a write,
an answer of the API taken in, a version told, something forgotten), or its oldest part is no
longer fresh. How often that happens the API's window bounds: a call in two seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson
from cachetools import LRUCache

from gateway.cache.store.cached_response import CachedResponse
from gateway.cache.store.keys import Partition, ResponseKey
from gateway.gzipped import CompressibleData
from schema.source.request_context import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cache.policy.adaptive_ttl import AdaptiveTTL
    from gateway.cache.policy.cost_attribution import CostAttribution
    from gateway.cache.policy.filters import TypeFilterSemantics
    from gateway.cache.store.cached_response import Validator
    from gateway.cache.store.fenced import FencedCache
    from schema.source.request_context import Caller, RateLimitState, RequestContext

MAX_BODY_BYTES, MAX_RESPONSE_BYTES = 16 * 1024, 256 * 1024
"""Bytes of a request and of its data that are remembered at most."""
_PLAIN = 256
"""Answers kept that nothing of any caller went into."""
_PLAIN_BYTES = 8 * 1024


class ResponseCache:
    """The answers of all callers, in the same store and bounds as what they are made of."""

    def __init__(  # noqa: PLR0913 - the parts it asks, by name
        self,
        memory: FencedCache,
        meaning: TypeFilterSemantics,
        *,
        accounts: CostAttribution,
        pace: AdaptiveTTL,
        budget: Callable[[], RateLimitState],
        clock: Callable[[], float],
    ) -> None:
        self._memory = memory
        self._meaning = meaning
        self._accounts = accounts
        self._pace = pace
        self._budget = budget
        self._clock = clock
        self._plain: LRUCache[bytes, CompressibleData] = LRUCache(_PLAIN)

    def basis(self, operation: RequestContext) -> Validator:
        """To be noted before an operation is executed whose answer may be kept."""
        return self._basis(Partition(operation.caller))

    def _basis(self, partition: Partition) -> Validator:
        return self._memory.responses_token(partition), self._meaning.types

    def find(self, caller: Caller, asked: bytes) -> tuple[CompressibleData, Receipt] | None:
        """What to answer `asked` with, and its receipt, if both would be the same now."""
        plain = self._plain.get(asked)
        if plain is not None:
            return plain, Receipt()
        partition = Partition(caller)
        told = self._memory.response(ResponseKey(partition, asked))
        if (
            told is None
            or told.basis != self._basis(partition)
            or self._accounts.has_unbilled(caller)
        ):
            return None
        age = self._clock() - told.at
        if age > self._pace.fresh(partition):
            return None
        return told.data, Receipt(saved=told.saved, oldest_seconds=age, budget=self._budget())

    def keep(
        self, operation: RequestContext, asked: bytes, answer: object, basis: Validator
    ) -> None:
        """Remember that `asked` was answered so, without error, if that may be told again.

        `basis` was noted before; an answer that anything changed under is not kept.
        """
        receipt = operation.receipt
        if receipt.calls or receipt.joined or receipt.stale or receipt.drift or receipt.short_lived:
            return
        data = CompressibleData(orjson.dumps(answer) if len(asked) <= MAX_BODY_BYTES else b"")
        if not 0 < len(data) <= MAX_RESPONSE_BYTES:
            return
        if receipt.oldest_seconds is None:
            if receipt.budget is None and len(asked) + len(data) <= _PLAIN_BYTES:
                self._plain[asked] = data  # nobody was asked anything
            return
        if basis == self.basis(operation) and receipt.oldest_at > -math.inf:
            key = ResponseKey(Partition(operation.caller), asked)
            self._memory.store_response(
                key, CachedResponse(data, basis, receipt.oldest_at, receipt.saved)
            )
