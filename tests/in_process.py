"""A wire without sockets: the sandbox called in process, its answers read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import httpx

from gateway.call_context import EXTENSION, CallContext
from gateway.sandbox.faults import ConnectionDropped

if TYPE_CHECKING:
    from gateway.sandbox.api import Sandbox
    from schema.source.request_context import CallBudget

OVERSPENT: list[str] = []
"""What was sent against an operation's limit: every test fails that leaves something here."""


class Spent:
    """Counts, on its own account, what reaches the API for each operation."""

    def __init__(self) -> None:
        self._sent: WeakKeyDictionary[CallBudget, int] = WeakKeyDictionary()

    def count(self, request: httpx.Request) -> None:
        """Note a request, and whether its operation may send it."""
        terms: CallContext | None = request.extensions.get(EXTENSION)
        if terms is None or (limit := terms.call_budget.limit) is None:
            return
        sent = self._sent[terms.call_budget] = self._sent.get(terms.call_budget, 0) + 1
        most = (
            limit.cap if terms.call_budget.may_exceed_estimate else min(limit.estimate, limit.cap)
        )
        if sent > most:
            OVERSPENT.append(f"{request.method} {request.url.path} is call {sent} of {limit}")


class InProcess(httpx.AsyncBaseTransport):
    """Keeps the wire's promises: a whole answer, or an error that says maybe sent."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = httpx.ASGITransport(app=sandbox)
        self._spent = Spent()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._spent.count(request)
        try:
            response = await self._inner.handle_async_request(request)
            await response.aread()
        except ConnectionDropped:
            raise httpx.ReadError("the connection was dropped", request=request) from None
        return response
