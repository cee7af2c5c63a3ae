"""What to read instead of a page that was too much for the API: pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.lists.pagination import plan_pages
from gateway.transport.errors import ResponseTooLarge
from schema.source.errors import InvalidInput
from schema.source.records import Window

if TYPE_CHECKING:
    from schema.source.errors import Unavailable
    from schema.source.records import Page

MOST_NARROWINGS = {"limit": 8, "weight": 8, "input": 2, "slow": 1}
"""How often a page is made smaller, by what was too much; an input may be refused for itself."""
ITS_ROWS = frozenset({"weight", "slow"})
"""Reasons that lie in one caller's rows."""


def too_much(failure: Unavailable) -> str:
    """What about a list call was too much for the API, if that is what `failure` says."""
    cause = failure.__cause__
    if isinstance(cause, InvalidInput):
        named = any("limit" in f"{issue.field} {issue.message}".lower() for issue in cause.issues)
        return "limit" if named else "input"
    if isinstance(cause, ResponseTooLarge):
        return "weight"
    return "slow" if failure.code == "UPSTREAM_TIMEOUT" else ""


def block_of(needed: Window, size: int) -> Window | None:
    """The page of `size` rows that holds what is needed, if one does."""
    begin = needed.offset // size * size
    return Window(begin, size) if needed.offset + needed.limit <= begin + size else None


def narrower(why: str, needed: Window, refused: int, *, first: bool) -> tuple[Window, int] | None:
    """What to read after a page of `refused` rows was too much, and the largest page to do it by.

    Half of it where that holds what is needed, since caps and habits are round; then no more
    than is needed. None where there is nothing narrower: what was too slow is not cut in parts.
    """
    half = refused // 2
    natural = max(read.limit for read in plan_pages(needed.offset, needed.limit, refused))
    if why == "slow":
        return (needed, refused) if first and natural < refused else None
    if half == 0:
        return None
    block = block_of(needed, half) if first else None
    if block is not None:
        return block, half
    return needed, (refused - 1 if natural < refused else half)


def probe(page: Page, reached: int) -> Window:
    """The rows after a page that came short, by one call of a size that the API answers."""
    size = len(page.records)
    if not size or reached % size:
        return Window(reached, 1)
    return Window(reached, size)
