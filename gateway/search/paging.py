"""The page of a window among the clients that match."""

from collections.abc import Sequence

from gateway.search.order import Order
from schema.source.records import Anchor, Bounds, ClientRecord, Page, PageSort, Window


def sorted_page(
    rows: Sequence[ClientRecord], order: Order, fingerprint: bytes, window: Window
) -> Page:
    """Return the rows of `window` among sorted rows, counted from where its cursors' keys belong.

    The rows of those cursors may have moved or left: the keys decide.
    """
    bounds = Bounds()
    if window.between is not None:
        after, before = window.between.after, window.between.before
        low = 0 if after is None else _place(rows, order, after, following=True)
        high = None if before is None else _place(rows, order, before, following=False)
        bounds = Bounds(low, high)
        window = window.between.window(bounds)
    begin = max(0, len(rows) - window.limit) if window.from_end else window.offset
    shown = tuple(rows[begin : begin + window.limit])
    return Page(
        min(begin, len(rows)),
        shown,
        len(rows),
        window=window,
        bounds=bounds,
        sort=PageSort(fingerprint, order.values),
    )


def _place(rows: Sequence[ClientRecord], order: Order, anchor: Anchor, *, following: bool) -> int:
    """Return how many rows are before an anchor or, `following`, before the row after it."""
    values = anchor.values or ()
    place = order.place(rows, values, anchor.id)
    if not following or place == len(rows):
        return place
    at = rows[place]
    return place + (at.id == anchor.id and order.values(at) == values)
