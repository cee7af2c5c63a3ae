"""Counts the requests that were really sent."""

from __future__ import annotations

import httpx

from gateway.upstream.outcome import never_sent
from gateway.upstream.terms import terms_of


class Meter(httpx.AsyncBaseTransport):
    """Writes every request sent on its payer's receipt, and keeps count for the process."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.calls = 0
        """Requests sent since the process began."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass `request` on and count it, unless it turns out never to have left us."""
        self._count(request, 1)
        try:
            return await self._inner.handle_async_request(request)
        except httpx.TransportError as error:
            if never_sent(error):
                self._count(request, -1)
            raise

    async def aclose(self) -> None:
        """Close what is below."""
        await self._inner.aclose()

    def _count(self, request: httpx.Request, sent: int) -> None:
        self.calls += sent
        terms_of(request).receipt.calls += sent
