"""The sandbox called in process, without sockets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import httpx2

from gateway.ratelimit.call_context import CallContext
from gateway.sandbox.faults import ConnectionDropped
from gateway.transport.httpx_transport import HTTPXTransport
from gateway.transport.transport import TransportLimits
from tests.wires import CoroutineTransport, path_of

if TYPE_CHECKING:
    from gateway.sandbox.api import Sandbox
    from gateway.transport.messages import Request, Response
    from schema.source.request_context import CallBudget

OVERSPENT: list[str] = []
"""What was sent against an operation's limit: every test fails that leaves something here."""


class Spent:
    """Counts, on its own account, what reaches the API for each operation."""

    def __init__(self) -> None:
        self._sent: WeakKeyDictionary[CallBudget, int] = WeakKeyDictionary()

    def count(self, request: Request[Any]) -> None:
        """Note a request, and whether its operation may send it."""
        context = request.context
        if not isinstance(context, CallContext) or (limit := context.call_budget.limit) is None:
            return
        budget = context.call_budget
        sent = self._sent[budget] = self._sent.get(budget, 0) + 1
        most = limit.cap if budget.may_exceed_estimate else min(limit.estimate, limit.cap)
        if sent > most:
            OVERSPENT.append(f"{request.method} {path_of(request)} is call {sent} of {limit}")


class Dropping(httpx2.ASGITransport):
    """The sandbox, whose dropped connections are errors of a network."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await super().handle_async_request(request)
        except ConnectionDropped:
            raise httpx2.ReadError("the connection was dropped") from None


class InProcess(CoroutineTransport):
    """A transport to a sandbox in this process, which has no time limits."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = HTTPXTransport(
            Dropping(app=sandbox),
            TransportLimits(max_in_flight=100_000, attempt_seconds=math.inf),
            clock=lambda: -math.inf,
        )
        self._spent = Spent()

    async def handle(self, request: Request[Any]) -> Response:
        self._spent.count(request)
        return await self._inner.send(request)
