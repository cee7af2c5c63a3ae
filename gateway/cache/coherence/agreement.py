"""No read returns what another gateway may contradict, unless its result is marked as stale."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from gateway.cache.coherence.contract import Coherence
from gateway.cache.store.keys import Partition
from schema.source.request_context import RequestContext

P = ParamSpec("P")
R = TypeVar("R")
Read = Callable[Concatenate[RequestContext, P], Coroutine[Any, Any, R]]


def agreed(coherence: Coherence, read: Read[P, R]) -> Read[P, R]:
    """Return a read that ends when all gateways have what it returns, a read it has joined too."""
    if not coherence.is_shared:
        return read

    async def reading(operation: RequestContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
        result = await read(operation, *args, **kwargs)
        partition = Partition(operation.caller)
        is_known = coherence.is_agreed(partition) or await coherence.agreed(partition)
        operation.receipt.stale |= not is_known or coherence.in_doubt()
        return result

    return reading
