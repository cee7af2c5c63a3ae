"""Locate a window by its cursors' rows, which move and leave while a client pages.

A row that left the list is located by its former neighbours. The gateway records them when it sees
a row leave, and a cursor carries marks of its neighbours for the other cases.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.cache.store.list_index import ListIndex
from schema.source.records import Anchor, Bounds, Window, placeholder_id
from schema.types.cursors import NO_ID, mark_of

ANY_AGE = float("-inf")
END = ""
"""Replaces a missing neighbour: the beginning of a list, and its end."""
MARGINS = 8, 2, 0
"""Rows read beyond a window and its anchors, tried in this order while they are free."""
_MAX_CHAIN = 500
"""Largest number of departed neighbours that are followed."""


class Neighbours(NamedTuple):
    """Ids of the rows between which a row stood when it left; None for an unknown one."""

    before: str | None
    after: str | None


class AnchorPosition(NamedTuple):
    """The index of a row or, if the row left, the index of the row after it."""

    place: int
    present: bool


class AnchoredWindow(NamedTuple):
    """A located window, and the bounds that it is counted from."""

    window: Window
    bounds: Bounds = Bounds()
    seen: bool = True
    """Whether the rows that it is counted from were looked at, if there are any."""
    lost: bool = False
    """Whether one of those rows is not where it should be, and is not known to have left."""


def find(
    rows: ListIndex, anchor: Anchor, oldest: float, departed: Callable[[str], Neighbours | None]
) -> AnchorPosition | None:
    """Return where an anchor is among the rows read since `oldest`, or was before it left."""
    index = rows.index_of(anchor.id, oldest)
    if index is not None:
        return AnchorPosition(index, present=True)
    places = rows.places(oldest)
    end = None if rows.open or rows.total_at < oldest else rows.total
    found = _by_neighbours(anchor.id, places, departed, end)
    return _by_marks(anchor, places) if found is None else AnchorPosition(found, present=False)


def _by_neighbours(
    id: str,
    places: dict[str, int],
    departed: Callable[[str], Neighbours | None],
    end: int | None,
) -> int | None:
    """Return the index of a departed row by its neighbours, or by theirs if they left too."""
    for side in (0, 1):
        at = id
        for _ in range(_MAX_CHAIN):
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


def _by_marks(anchor: Anchor, places: dict[str, int]) -> AnchorPosition | None:
    """Return the index of a departed row by its neighbours' marks; the nearest counts."""
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
    """Return `window` located in the list as read since `oldest`.

    Older rows show which page to read. `elsewhere` locates rows that are not in this list by
    another list.
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
    """Return `window` with offsets counted from where its rows are, by readings of any age.

    If the next reading contradicts the rows that it relied on, they are cleared then.
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
    """Return where a row of a list is among those of its rows that are at `positions`."""
    if spot is None:
        return None
    return AnchorPosition(bisect_left(positions, spot.place), present=False)


def with_anchors(place: AnchoredWindow, cost: Callable[[Window], int]) -> Window | None:
    """Return the rows of a window, its anchors and rows beside them, if they cost no more."""
    for margin in MARGINS:
        wide = _including_anchors(place, margin)
        if cost(wide) <= cost(place.window):
            return wide
    return None


def _including_anchors(place: AnchoredWindow, margin: int) -> Window:
    """Return the rows of a window and its anchors, and `margin` more rows on each side."""
    window, (low, high) = place.window, place.bounds
    begin = min(window.offset, low - 1) if low else window.offset
    stop = window.offset + window.limit
    stop = stop if high is None else max(stop, high + 1)
    begin = max(0, begin - margin)
    return Window(begin, stop + margin - begin, needed=window)


def departures(
    before: ListIndex, after: ListIndex, page: tuple[int, int] | None
) -> dict[str, Neighbours]:
    """Return the rows that left between two states of a list, with their neighbours.

    `page`: the indexes, from and up to, that were read again; None if a write changed the list.
    Rows that are merely no longer cached have not left.
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
        if len(left) > 1:  # the list was cleared
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
