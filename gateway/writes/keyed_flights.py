"""Creates under way by idempotency key: those who send the same key meanwhile share the result."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from schema.source.errors import InvalidInput, Issue, Unavailable
from schema.source.request_context import Caller, RequestContext
from schema.source.writes import WriteResult


class _Flight(NamedTuple):
    payload: bytes
    caller: Caller
    result: asyncio.Future[WriteResult]

    def shared_with(self, caller: Caller) -> bool:
        """Return True if `caller` may share the result: same credential, or same proven user."""
        proven = self.caller.claimed is None and caller.claimed is None
        return proven or self.caller.hash == caller.hash


class KeyedFlights:
    """The creates under way. `name` is the hash of a key and of its caller's identity.

    `clock` is that of the operations' deadlines.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._flights: dict[bytes, _Flight] = {}

    async def run(
        self,
        operation: RequestContext,
        name: bytes,
        payload: bytes,
        create: Callable[[], Coroutine[Any, Any, WriteResult]],
    ) -> WriteResult:
        """Return the result of the create with this key, which `create` sends if none is under way.

        Raises `InvalidInput` if the one under way has another payload, and `Unavailable` if that of
        another credential has not ended by the deadline of `operation`.
        """
        while (flight := self._flights.get(name)) is not None:
            # Another credential may be rejected, or claim another user: its result is not shared.
            shared = flight.shared_with(operation.caller)
            if shared and flight.payload != payload:
                raise another_payload()
            left = None if shared else operation.deadline - self._clock()
            done, _ = await asyncio.wait([flight.result], timeout=left)
            if not done:
                raise Unavailable(
                    "Another credential's create with this key has not ended. This was not sent.",
                    code="UPSTREAM_TIMEOUT",
                )
            if shared:
                operation.receipt.joined += 1
                return flight.result.result()
        result: asyncio.Future[WriteResult] = asyncio.get_running_loop().create_future()
        self._flights[name] = _Flight(payload, operation.caller, result)
        try:
            result.set_result(await create())
        except BaseException as error:
            result.set_exception(error)
            result.exception()  # retrieved, also if no other caller waits for it
            raise
        finally:
            del self._flights[name]
        return result.result()


def another_payload() -> InvalidInput:
    """Return the error for a key that stands for another client."""
    reason = "stands for another client already: make a new key for each client"
    return InvalidInput(
        "The input was refused. Nothing was sent.",
        issues=[Issue("idempotencyKey", "REUSED", reason)],
    )
