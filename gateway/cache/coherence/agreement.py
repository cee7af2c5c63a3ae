"""No read returns what another gateway has not applied yet: that one would contradict it."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from gateway.cache.coherence.contract import Coherence
from gateway.cache.store.keys import Partition
from schema.source.request_context import RequestContext

P = ParamSpec("P")
R = TypeVar("R")
Read = Callable[Concatenate[RequestContext, P], Coroutine[Any, Any, R]]


def agreed(coherence: Coherence, read: Read[P, R]) -> Read[P, R]:
    """Return a read that ends when all gateways have what it returns, or is marked as stale."""
    if not coherence.is_shared:
        return read

    async def reading(operation: RequestContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
        result = await read(operation, *args, **kwargs)
        partition = Partition(operation.caller)
        if not coherence.is_agreed(partition):
            operation.receipt.stale |= not await coherence.agreed(partition)
        return result

    return reading
