"""The interface of transports, which start a request without waiting for its response."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from gateway.transport.messages import Request, Response


class Transport(abc.ABC):
    """Sends each request once."""

    @abc.abstractmethod
    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Send a request; return the future of its response, without waiting. Never raises.

        The future fails with a `TransportError`, which says whether the request was sent.
        """

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Wait for the requests in flight, each within its own limit, then close."""
