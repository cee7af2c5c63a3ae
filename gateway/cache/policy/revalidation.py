"""Revalidate in the background what was served from the cache (RFC 5861, section 3)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import replace
from typing import Any

from schema.source.errors import ClientError
from schema.source.request_context import CacheDirectives, Receipt, RequestContext

_log = logging.getLogger(__name__)


class BackgroundRevalidation:
    """Revalidations under way: each key once, and only if the window has a surplus of calls."""

    def __init__(
        self, surplus: Callable[[], bool], clock: Callable[[], float], seconds: float
    ) -> None:
        """Create it; a revalidation may take `seconds`."""
        self._surplus = surplus
        self._clock = clock
        self._seconds = seconds
        self._under_way: dict[Hashable, asyncio.Task[None]] = {}

    def start(
        self,
        operation: RequestContext,
        name: Hashable,
        read: Callable[[RequestContext], Coroutine[Any, Any, Any]],
    ) -> bool:
        """Run `read` for the operation's caller, unless it runs already or there is no surplus.

        Return whether it was begun.
        An operation that accepts cached data only starts none, unless it is itself a repeated read.
        Its cost goes to the caller's next receipt: this response is sent by then.
        """
        repeated = operation.receipt.finalized
        if operation.freshness.only_if_cached and not repeated:
            return False
        if name in self._under_way or not self._surplus():
            return False
        own = replace(
            operation,
            deadline=self._clock() + self._seconds,
            freshness=CacheDirectives(),
            receipt=Receipt(finalized=True),
            call_budget=operation.call_budget.apart(),
        )
        task = asyncio.create_task(self._run(read(own)))
        self._under_way[name] = task
        task.add_done_callback(lambda _: self._under_way.pop(name))
        return True

    async def settled(self) -> None:
        """Wait for the revalidations under way."""
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    async def _run(self, read: Coroutine[Any, Any, Any]) -> None:
        try:
            await read
        except ClientError:
            pass  # the cached entry keeps its age
        except Exception:  # noqa: BLE001 - no caller awaits it: a bug is logged
            _log.exception("a refresh failed")
