"""A wire without sockets: the sandbox called in process, its answers read whole."""

import httpx

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Dropped


class InProcess(httpx.AsyncBaseTransport):
    """Keeps the wire's promises: a whole answer, or an error that says maybe sent."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = httpx.ASGITransport(app=sandbox.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._inner.handle_async_request(request)
            await response.aread()
        except Dropped:
            raise httpx.ReadError("the connection was dropped", request=request) from None
        return response
