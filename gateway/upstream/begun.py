"""Requests begun without waiting for them: many are under way together, with no task for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable

Begin = Callable[[httpx.Request], "asyncio.Future[httpx.Response]"]
"""Sends a request, and returns the future of its answer. Never raises by itself."""


def beginning(transport: httpx.AsyncBaseTransport) -> Begin:
    """How requests are begun on any transport; one without a `begin` needs a task for each."""
    tasks: set[asyncio.Future[httpx.Response]] = set()

    def begin(request: httpx.Request) -> asyncio.Future[httpx.Response]:
        task = asyncio.ensure_future(transport.handle_async_request(request))
        tasks.add(task)  # a loop does not hold on to its tasks
        task.add_done_callback(tasks.discard)
        return task

    return getattr(transport, "begin", None) or begin


def here(answer: asyncio.Future[httpx.Response]) -> httpx.Response | None:
    """The answer if it has come; None while it has not, and when none will."""
    if not answer.done() or answer.cancelled() or answer.exception() is not None:
        return None
    return answer.result()


def desert(begun: Iterable[asyncio.Future[httpx.Response]]) -> None:
    """Wait for none of these any more; how they ended is nobody's matter."""
    for answer in begun:
        if not answer.cancel() and not answer.cancelled():
            answer.exception()
