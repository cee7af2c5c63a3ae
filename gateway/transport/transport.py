"""The interface of transports that start a request without waiting, and without a task for each."""

from __future__ import annotations

import abc
import asyncio
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable

    PendingResponse = asyncio.Future[httpx.Response]


class Transport(httpx.AsyncBaseTransport, abc.ABC):
    """A transport that returns a future for each request.

    `handle_async_request` is httpx's interface: it sends and waits.
    """

    @abc.abstractmethod
    def send(self, request: httpx.Request) -> PendingResponse:
        """Send a request; return the future of its response. Never raises."""

    def ended(self, response: PendingResponse) -> httpx.Response | None:
        """Return what `end` would return if it is known without waiting; else None."""
        if not response.done() or response.cancelled() or response.exception() is not None:
            return None
        return response.result()

    async def end(self, request: httpx.Request, response: PendingResponse) -> httpx.Response:
        """Wait for the final response to `request`. Raises the error of the request."""
        del request
        return await response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and wait for its response."""
        return await self.end(request, self.send(request))


class TaskTransport(Transport):
    """A `Transport` over any httpx transport, with one task for each request."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._tasks: set[PendingResponse] = set()
        """Strong references: an event loop holds only weak ones."""

    def send(self, request: httpx.Request) -> PendingResponse:
        """Send a request in a new task."""
        task = asyncio.ensure_future(self._inner.handle_async_request(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


def begin_with(transport: httpx.AsyncBaseTransport) -> Transport:
    """Return `transport` itself if it is a `Transport`, else a `TaskTransport` over it."""
    return transport if isinstance(transport, Transport) else TaskTransport(transport)


def ignore_results(responses: Iterable[PendingResponse]) -> None:
    """Cancel the pending requests and ignore their results."""
    for response in responses:
        if not response.cancel() and not response.cancelled():
            response.exception()
