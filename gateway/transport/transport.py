"""Requests begun without waiting for them: many are under way together, with no task for each."""

from __future__ import annotations

import abc
import asyncio
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable

    Answer = asyncio.Future[httpx.Response]


class Transport(httpx.AsyncBaseTransport, abc.ABC):
    """A transport that can begin a request, and tell later what it came to.

    `handle_async_request` is httpx's way to do both at once.
    """

    @abc.abstractmethod
    def send(self, request: httpx.Request) -> Answer:
        """Send a request; the future of its answer. Never raises by itself."""

    def ended(self, answer: Answer) -> httpx.Response | None:
        """What `end` would return, where that is here and needs no waiting."""
        if not answer.done() or answer.cancelled() or answer.exception() is not None:
            return None
        return answer.result()

    async def end(self, request: httpx.Request, answer: Answer) -> httpx.Response:
        """What the request that was begun came to. Raises what it failed with."""
        del request
        return await answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and wait for what it comes to."""
        return await self.end(request, self.send(request))


class TaskTransport(Transport):
    """Any other transport, with a task for each request."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._tasks: set[Answer] = set()
        """A loop does not hold on to its tasks."""

    def send(self, request: httpx.Request) -> Answer:
        """Send a request."""
        task = asyncio.ensure_future(self._inner.handle_async_request(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self) -> None:
        """Close what is below."""
        await self._inner.aclose()


def begin_with(transport: httpx.AsyncBaseTransport) -> Transport:
    """The transport itself, where it can begin a request, else with a task for each."""
    return transport if isinstance(transport, Transport) else TaskTransport(transport)


def ignore_results(begun: Iterable[Answer]) -> None:
    """Wait for none of these any more; how they ended is nobody's matter."""
    for answer in begun:
        if not answer.cancel() and not answer.cancelled():
            answer.exception()
