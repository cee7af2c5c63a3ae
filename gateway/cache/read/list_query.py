"""One question about a list, with what is known of it and what it accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cache.store.keys import ListKey
    from schema.source.records import Fields, Window
    from schema.source.request_context import Priority, RequestContext


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which rows are asked for, for whom, how urgently, and how old they may be."""

    operation: RequestContext
    key: ListKey
    window: Window
    fields: Fields
    oldest: float
    """The earliest reading that may be part of the answer."""
    fresh: float
    """Seconds; a part that is older than that makes the answer stale."""
    lane: Priority
