"""One question about a list, with what is known of it and what it accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cache.keys import ListKey
    from schema.operation import Lane, Operation
    from schema.source import Fields, Window


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows are asked for, for whom, how urgently, and how old they may be."""

    operation: Operation
    key: ListKey
    window: Window
    fields: Fields
    oldest: float
    """The earliest reading that may be part of the answer."""
    fresh: float
    """Seconds; a part that is older than that makes the answer stale."""
    lane: Lane
