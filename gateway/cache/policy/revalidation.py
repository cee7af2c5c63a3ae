"""Reading anew what was just told from memory, while nobody waits (RFC 5861, section 3)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from schema.source.errors import ClientError
from schema.source.request_context import CacheDirectives, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

    from schema.source.request_context import RequestContext

_log = logging.getLogger(__name__)


class BackgroundRevalidation:
    """Refreshes under way, each thing once, and only where the window has calls to spare."""

    def __init__(
        self, surplus: Callable[[], bool], clock: Callable[[], float], seconds: float
    ) -> None:
        """`seconds`: how long a refresh may take."""
        self._surplus = surplus
        self._clock = clock
        self._seconds = seconds
        self._under_way: dict[Hashable, asyncio.Task[None]] = {}

    def start(
        self,
        operation: RequestContext,
        name: Hashable,
        read: Callable[[RequestContext], Coroutine[Any, Any, Any]],
    ) -> None:
        """Let `read` run for the operation's caller, unless it does already or there is no surplus.

        What it costs stands on the caller's next receipt: this one is told by then.
        """
        if operation.freshness.only_if_cached or name in self._under_way or not self._surplus():
            return
        own = replace(
            operation,
            deadline=self._clock() + self._seconds,
            freshness=CacheDirectives(),
            receipt=Receipt(finalized=True),
            spending=operation.spending.apart(),
        )
        task = asyncio.create_task(self._run(read(own)))
        self._under_way[name] = task
        task.add_done_callback(lambda _: self._under_way.pop(name))

    async def _run(self, read: Coroutine[Any, Any, Any]) -> None:
        try:
            await read
        except ClientError:
            pass  # what is remembered stays as old as it is
        except Exception:  # noqa: BLE001 - nobody waits for it: a bug is logged
            _log.exception("a refresh failed")
