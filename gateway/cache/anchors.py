"""Where a window lies now: cursors name a row, and rows move under whoever pages through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from gateway.cache.rows import Rows
    from schema.source import Window


class Placed(NamedTuple):
    """A window in its place, `shift` rows from where it was counted."""

    window: Window
    shift: int = 0
    anchor: Literal["none", "seen", "unseen", "lost"] = "none"
    """The row it was counted from: in its place, not looked at, or not where it could be."""


def placed(rows: Rows, window: Window, oldest: float, *, gone: bool) -> Placed:
    """`window` in the list as it was read since `oldest`; `gone`: its anchor was deleted.

    A deleted anchor's successors have moved up by the one row that is missing.
    """
    anchor = window.anchor
    if anchor is None:
        return Placed(window)
    now = rows.index_of(anchor.id, oldest)
    if now is not None:
        return Placed(window.moved(now - anchor.place), now - anchor.place, "seen")
    instead = rows.between(anchor.place, anchor.place + 1, oldest)[0]
    if instead is None and anchor.place < rows.total:
        return Placed(window.moved(0), 0, "unseen")
    shift = -1 if gone and window.offset > anchor.place else 0
    return Placed(window.moved(shift), shift, "lost")


def with_anchor(window: Window) -> Window:
    """The rows of `window` and that of its anchor beside them."""
    anchor = window.anchor
    if anchor is None:
        return window
    start = min(window.offset, anchor.place)
    stop = max(window.offset + window.limit, anchor.place + 1)
    return type(window)(start, stop - start)
