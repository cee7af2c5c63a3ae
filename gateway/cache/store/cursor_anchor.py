"""Where a window lies now: cursors name a row, and rows move and leave under a client that pages.

A row that left the list is found by the rows it stood between. The gateway notes them when it
sees a row leave, and a cursor carries marks of its neighbours, for when nothing was noted.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from schema.source.records import Bounds, Window, placeholder_id
from schema.types.cursors import NO_ID, mark_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.cache.store.list_index import ListIndex
    from schema.source.records import Anchor

ANY_AGE = float("-inf")
END = ""
"""Stands for the beginning of a list, and for its end, where a row has no neighbour."""
_CHAIN = 500
"""Rows that left one beside the other and are followed."""


class Neighbours(NamedTuple):
    """Ids of the rows between which a row stood when it left; None for one not known."""

    before: str | None
    after: str | None


class AnchorPosition(NamedTuple):
    """Where a row stands, or, where it left, where it stood: before the row at `place`."""

    place: int
    present: bool


class AnchoredWindow(NamedTuple):
    """A window in its place, and the bounds it is counted from."""

    window: Window
    bounds: Bounds = Bounds()
    seen: bool = True
    """Whether the rows it is counted from were looked at, if there are any."""
    lost: bool = False
    """Whether one of them is neither where it could be looked for, nor known to have left."""


def find(
    rows: ListIndex, anchor: Anchor, oldest: float, departed: Callable[[str], Neighbours | None]
) -> AnchorPosition | None:
    """Where an anchor stands among the rows read since `oldest`, or stood before it left."""
    index = rows.index_of(anchor.id, oldest)
    if index is not None:
        return AnchorPosition(index, present=True)
    places = rows.places(oldest)
    end = None if rows.open or rows.total_at < oldest else rows.total
    found = _followed(anchor.id, places, departed, end)
    return _marked(anchor, places) if found is None else AnchorPosition(found, present=False)


def _followed(
    id: str,
    places: dict[str, int],
    departed: Callable[[str], Neighbours | None],
    end: int | None,
) -> int | None:
    """The place of a row that left, by its neighbours, or by theirs where those left too."""
    for side in (0, 1):
        at = id
        for _ in range(_CHAIN):
            beside = departed(at)
            next_one = None if beside is None else beside[side]
            if next_one is None:
                break
            at = next_one
            if at == END:
                if side == 0 and places:
                    return 0
                if side == 1 and end is not None:
                    return end
                break
            if at in places:
                return places[at] + 1 - side
    return None


def _marked(anchor: Anchor, places: dict[str, int]) -> AnchorPosition | None:
    """The place of a row that left, by the marks of its neighbours; the nearest counts.

    A row without an id is known by them alone: where such a row stands beside them, it is here.
    """
    if not (places and (anchor.before or anchor.after)):
        return None
    marks = {mark_of(id): index for id, index in places.items()}
    for nearest in range(max(len(anchor.before), len(anchor.after))):
        for side, beside in enumerate((anchor.before, anchor.after)):
            if nearest < len(beside) and beside[nearest] in marks:
                place = marks[beside[nearest]] + 1 - side
                here = place - side
                if anchor.id == NO_ID and places.get(placeholder_id(here)) == here:
                    return AnchorPosition(here, present=True)
                return AnchorPosition(place, present=False)
    return None


def locate(
    rows: ListIndex,
    window: Window,
    oldest: float,
    departed: Callable[[str], Neighbours | None],
    elsewhere: Callable[[Anchor], AnchorPosition | None] = lambda _: None,
) -> AnchoredWindow:
    """`window` in the list as it was read since `oldest`.

    What is older tells where to look. `elsewhere` finds rows that are not in this list, by
    another one.
    """
    between = window.between
    if between is None:
        return AnchoredWindow(window)
    low, high = between.nominal
    seen, lost = True, False
    for anchor, is_low in ((between.after, True), (between.before, False)):
        if anchor is None:
            continue
        spot = find(rows, anchor, oldest, departed)
        if spot is None or not spot.present:
            spot = elsewhere(anchor) or spot
        if spot is None:
            slot = rows.slice(anchor.place, anchor.place + 1, oldest)[0]
            looked = slot is not None or anchor.place >= rows.total
            seen &= looked
            spot = None if looked else find(rows, anchor, ANY_AGE, departed)
            lost |= spot is None and (looked or rows.total != anchor.total)
        if spot is not None and is_low:
            low = spot.place + spot.present
        elif spot is not None:
            high = spot.place
    bounds = Bounds(low, high)
    return AnchoredWindow(between.window(bounds), bounds, seen, lost)


def rebased(
    rows: ListIndex, window: Window, departed: Callable[[str], Neighbours | None]
) -> Window:
    """`window` counted from where its rows stand by what is known at whatever age.

    What is read next may contradict the rows that tell it, and they are forgotten then.
    """
    between = window.between
    if between is None:
        return window
    anchors = []
    for anchor, absent in ((between.after, -1), (between.before, 0)):
        spot = None if anchor is None else find(rows, anchor, ANY_AGE, departed)
        if anchor is not None and spot is not None:
            place = spot.place if spot.present else max(0, spot.place + absent)
            anchor = anchor._replace(place=place, total=rows.total)  # noqa: PLW2901
        anchors.append(anchor)
    after, before = anchors
    return Window.of(replace(between, after=after, before=before))


def locate_among(positions: Sequence[int], spot: AnchorPosition | None) -> AnchorPosition | None:
    """Where a row of a list stands among those of its rows that are at `positions`."""
    if spot is None:
        return None
    return AnchorPosition(bisect_left(positions, spot.place), present=False)


def including_anchors(place: AnchoredWindow, margin: int) -> Window:
    """The rows of a window and those it is counted from, and `margin` rows more on each side."""
    window, (low, high) = place.window, place.bounds
    begin = min(window.offset, low - 1) if low else window.offset
    stop = window.offset + window.limit
    stop = stop if high is None else max(stop, high + 1)
    begin = max(0, begin - margin)
    return Window(begin, stop + margin - begin, needed=window)


def departures(
    before: ListIndex, after: ListIndex, page: tuple[int, int] | None
) -> dict[str, Neighbours]:
    """The rows that left between two states of a list, each with the rows it stood between.

    `page`: the indexes, from and up to, that were read anew; None where the list was changed
    by a write. Rows that are only no longer held have not left.
    """
    held = sorted((index, id) for id, index in before.places(ANY_AGE).items())
    now = after.places(ANY_AGE)
    if page is not None:
        start, stop = page
        inside = [(index, id) for index, id in held if start <= index < stop]
        last = max((index for index, id in inside if id in now), default=-1)
        if stop >= after.total and not after.open:
            last = before.total
        left = [(index, id) for index, id in inside if id not in now and index < last]
    else:
        left = [(index, id) for index, id in held if id not in now]
        if len(left) > 1:  # forgotten
            return {}
    at = dict(held)
    end = before.total - 1
    return {
        id: Neighbours(
            at.get(index - 1) if index else END,
            END if index == end and not before.open else at.get(index + 1),
        )
        for index, id in left
    }
