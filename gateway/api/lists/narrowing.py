"""Decide what to read after the API failed on a page that was too large: pure functions."""

from gateway.api.lists.pagination import plan_pages
from gateway.transport.errors import ResponseTooLarge
from schema.source.errors import InvalidInput, Unavailable
from schema.source.records import Page, Window

MOST_NARROWINGS = {"limit": 8, "weight": 8, "input": 2, "slow": 1}
"""Maximum number of reductions of a page by reason; `input` may fail for other reasons."""
ITS_ROWS = frozenset({"weight", "slow"})
"""Reasons that depend on one caller's rows."""


def too_much(failure: Unavailable) -> str:
    """Return the reason for which a list call was too large, or "" if `failure` states none."""
    cause = failure.__cause__
    if isinstance(cause, InvalidInput):
        named = any("limit" in f"{issue.field} {issue.message}".lower() for issue in cause.issues)
        return "limit" if named else "input"
    if isinstance(cause, ResponseTooLarge):
        return "weight"
    return "slow" if failure.code == "UPSTREAM_TIMEOUT" else ""


def block_of(needed: Window, size: int) -> Window | None:
    """Return the page of `size` rows that contains `needed`; None if no single page does."""
    begin = needed.offset // size * size
    return Window(begin, size) if needed.offset + needed.limit <= begin + size else None


def narrower(why: str, needed: Window, refused: int, *, first: bool) -> tuple[Window, int] | None:
    """Return the window to read after a page of `refused` rows failed, and the largest page size.

    First try a page of half the size if it contains `needed`, because limits are usually round
    numbers; then read only `needed`. Return None if nothing narrower is left; a page that was too
    slow is not split.
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
    """Return the window after a short page, which one call of an answered size covers."""
    size = len(page.records)
    if not size or reached % size:
        return Window(reached, 1)
    return Window(reached, size)
