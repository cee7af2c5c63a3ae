"""Cache of encoded responses by caller and request body.

A response is stored if it was made from cached entries alone. It is served again for as long as the
same request would have the same response from the same entries: until anything in its caller's
partition changes (a write, a stored reading, a served version, a removal), or its oldest part is no
longer fresh. The API's window bounds how often that happens: one call in two seconds.
"""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from gateway.cache.policy.adaptive_ttl import AdaptiveTTL
from gateway.cache.policy.cost_attribution import CostAttribution
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import Partition, ResponseKey
from gateway.cache.store.memory import CachedResponse, MemoryStore, Validator
from gateway.gzipped import CompressibleData
from schema.execution.lru import WeightedLRU
from schema.source.request_context import Caller, RateLimitState, Receipt, RequestContext

MAX_BODY_BYTES, MAX_RESPONSE_BYTES = 16 * 1024, 256 * 1024
"""Bytes of a request and of its data that are remembered at most."""
_MAX_PLAIN_BYTES = 2 * 1024 * 1024
"""Bytes of the stored responses that depend on no caller."""


@dataclass(eq=False, repr=False)
class ResponseCache:
    """The responses of all callers, in the same store and within the same bounds as entries."""

    memory: FencedCache
    store: MemoryStore
    _: KW_ONLY
    accounts: CostAttribution
    pace: AdaptiveTTL
    budget: Callable[[], RateLimitState]
    clock: Callable[[], float]
    in_doubt: Callable[[], bool]
    is_agreed: Callable[[str], bool]

    def __post_init__(self) -> None:
        self._plain: WeightedLRU[CompressibleData] = WeightedLRU(_MAX_PLAIN_BYTES)
        self._discarded = 0

    def discard(self) -> None:
        """Discard all responses, and those of the operations in progress."""
        self._discarded += 1
        self._plain = WeightedLRU(_MAX_PLAIN_BYTES)

    def basis(self, operation: RequestContext) -> Validator:
        """Return the validator to note before the operation is executed."""
        return self._basis(Partition(operation.caller))

    def _basis(self, partition: Partition) -> Validator:
        return (
            self.memory.generations.of_responses(partition),
            self.memory.meaning.types,
            self._discarded,
        )

    def find(self, caller: Caller, body: bytes) -> tuple[CompressibleData, Receipt] | None:
        """Return the response to `body` and its receipt, if both would be the same now."""
        plain = self._plain.find(body)
        if plain is not None:
            return plain, Receipt()
        partition = Partition(caller)
        cached = self.store.get(ResponseKey(partition, body))
        if (
            not isinstance(cached, CachedResponse)
            or cached.basis != self._basis(partition)
            or self.accounts.has_unbilled(caller)
            or not self.is_agreed(partition)
        ):
            return None
        age = self.clock() - cached.at
        if age > self.pace.fresh(partition) + cached.longer:
            return None
        return cached.data, Receipt(
            saved=cached.saved,
            oldest_seconds=age,
            stale=self.in_doubt(),
            coherent=self.pace.is_proven(partition),
            budget=self.budget(),
        )

    def keep(
        self, operation: RequestContext, body: bytes, encoded: bytes, basis: Validator
    ) -> None:
        """Store the encoded data of the error-free response to `body`, if it may be served again.

        `basis` was noted before the execution; a response whose entries changed since is not
        stored.
        """
        receipt = operation.receipt
        if receipt.calls or receipt.joined or receipt.stale or receipt.drift or receipt.short_lived:
            return
        if len(body) > MAX_BODY_BYTES or len(encoded) > MAX_RESPONSE_BYTES:
            return
        data = CompressibleData(encoded)
        if receipt.oldest_seconds is None:
            current = basis[-1] == self._discarded
            if current and receipt.budget is None and self._plain.find(body) is None:
                self._plain.put(body, data, len(body) + data.weight)
            return
        if basis == self.basis(operation) and receipt.oldest_at > -math.inf:
            key = ResponseKey(Partition(operation.caller), body)
            self.store.put(
                key, CachedResponse(data, basis, receipt.oldest_at, receipt.saved, receipt.longer)
            )
