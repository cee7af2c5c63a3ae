"""The parameters of one read of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cache.store.keys import ListKey
    from schema.source.records import Fields, Window
    from schema.source.request_context import Priority, RequestContext


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The rows to read: for which operation, with which priority, and how old they may be."""

    operation: RequestContext
    key: ListKey
    window: Window
    fields: Fields
    oldest: float
    """The earliest time of a reading that may be part of the result."""
    fresh: float
    """Seconds; a part older than that makes the result stale."""
    priority: Priority
