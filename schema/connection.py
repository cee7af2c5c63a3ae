"""Clients as a Relay connection: any window of the list, counted and cursored."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import strawberry

from schema.client import FREE, Client, made, malformed
from schema.cursors import NO_ID, Cursor, anchor_in
from schema.failures import Invalid, Unavailable
from schema.scalars import integer
from schema.source import MAX_PAGE, ClientRecord, Page, Window

DEFAULT_PAGE = 25
"""Rows answered when neither `first` nor `last` is given (the API's own default)."""


class Placed(NamedTuple):
    """How a field of an edge is made of a record and its index, for compiled operations.

    None: it is the record itself, which stands for its client there.
    """

    of: Callable[[ClientRecord, int | None], Any] | None


def cursor_of(record: ClientRecord, index: int | None) -> str:
    """The cursor of a record at an absolute index, or newly made and not yet in any list."""
    return str(Cursor(index, NO_ID if record.unreadable else record.id))


class Edges:
    """Consecutive rows of the list as edges, each made where it is looked at."""

    __slots__ = ("begin", "records")

    def __init__(self, records: Sequence[ClientRecord], begin: int) -> None:
        """`begin` is the absolute index of the first of `records`."""
        self.records = records
        self.begin = begin

    def __iter__(self) -> Iterator["ClientEdge"]:
        return map(edge, self.records, range(self.begin, self.begin + len(self.records)))

    def cursor(self, place: int) -> str | None:
        """The cursor of the first row (0) or of the last (-1), if there are any."""
        if not self.records:
            return None
        return cursor_of(self.records[place], self.begin + place % len(self.records))


class MixedEdges(Edges):
    """Edges of which one at least has no client to show."""

    __slots__ = ()


def _end(place: int, description: str) -> Any:
    """A page's cursor, made where it is asked for."""

    def make(info: Any) -> str | None:
        return cast("Edges", info.edges).cursor(place)

    return made(make, description)


@strawberry.federation.type(
    shareable=True, description="Where this page lies in the whole list.", directives=[FREE]
)
class PageInfo:
    """Relay's PageInfo (Cursor Connections Specification)."""

    edges: strawberry.Private[Edges]

    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = _end(0, "Cursor of the first row here.")
    end_cursor: str | None = _end(-1, "Cursor of the last row here.")


def _placed(
    resolve: Callable[[Any], Any],
    of: Callable[[ClientRecord, int | None], Any] | None,
    description: str,
) -> Any:
    return strawberry.field(
        resolver=resolve, description=description, metadata={Placed: Placed(of)}
    )


def shown(record: ClientRecord) -> ClientRecord:
    """The record of an edge's client. Raises `Unavailable` for a row that is none of its own."""
    if record.unreadable:
        raise Unavailable(
            "The API listed a row here that has no id, none that can be one, or one it listed"
            " before.",
            code="UPSTREAM_BAD_RESPONSE",
        )
    return record


def _cursor(root: Any) -> str:
    return cursor_of(root.record, root.index)


def _node(root: Any) -> Client:
    return Client.of(shown(root.record))


@strawberry.type(description="A client in its place in the list.", directives=[FREE])
class ClientEdge:
    """Relay's edge (Cursor Connections Specification)."""

    record: strawberry.Private[ClientRecord]
    index: strawberry.Private[int | None]
    """Its place in the whole list; None where it is in no list yet."""

    cursor: str = _placed(
        _cursor,
        cursor_of,
        "Opaque; pass it as `after` or `before`.",
    )
    node: Client | None = _placed(_node, None, "The client.")


def _total(connection: Any) -> int:
    try:
        return integer(connection.total)
    except ValueError:
        raise malformed("meta.total") from None


@strawberry.type(
    description="A page of clients and where it lies in the whole list.", directives=[FREE]
)
class ClientConnection:
    """Relay's connection (Cursor Connections Specification)."""

    total: strawberry.Private[int]
    """As the API counts."""

    edges: list[ClientEdge] = strawberry.field(description="The rows, in the API's order.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")
    total_count: int = made(
        _total, "How many clients match. Costs nothing beyond the rows' own read."
    )


def _size(first: int | None, last: int | None) -> int:
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 0 <= value <= MAX_PAGE:
            raise Invalid(
                f"`{name}` must be between 0 and {MAX_PAGE}, not {value}: ask for the next rows"
                " with `after: pageInfo.endCursor`."
            )
    if first is not None and last is not None:
        raise Invalid("Pass `first` or `last`, not both: they name different ends of the list.")
    size = first if first is not None else last
    return DEFAULT_PAGE if size is None else size


def window_for(
    first: int | None, after: str | None, last: int | None, before: str | None, offset: int | None
) -> Window:
    """The rows that a connection's arguments name. Raises `Invalid`; costs no call.

    `offset` skips rows from the start, or from the row after `after`.
    """
    size = _size(first, last)
    if offset is not None and offset < 0:
        raise Invalid(f"`offset` must not be negative, and is {offset}.")
    if offset is not None and last is not None:
        raise Invalid("`offset` counts from the front: combine it with `first`, not with `last`.")
    top = None if after is None else anchor_in(after, "after")
    bottom = None if before is None else anchor_in(before, "before")
    start = 0 if top is None else top.place + 1
    end = None if bottom is None else bottom.place
    if last is not None:
        if end is not None:
            begin = max(start, end - size)
            return Window(begin, max(0, end - begin), anchor=bottom)
        if after is not None:
            raise Invalid("`last` pages backwards: combine it with `before`, not with `after`.")
        return Window(0, size, from_end=True)
    start += offset or 0
    size = size if end is None else max(0, min(size, end - start))
    return Window(start, size, anchor=top or bottom)


def edge(record: ClientRecord, index: int | None) -> ClientEdge:
    """The record in its place."""
    return ClientEdge(record=record, index=index)


def _follow(window: Window, page: Page, stop: int, rows: Sequence[ClientRecord]) -> bool:
    """Whether rows follow those told up to `stop`.

    Where rows were requested and none are there, none follow either: a client that pages on
    has no cursor to do it with (Relay Cursor Connections, 5).
    """
    if window.limit and not rows and not window.from_end and stop >= page.offset:
        return False
    return stop < page.total or (page.more and stop == page.total)


def connection(window: Window, page: Page) -> ClientConnection:
    """The part of `page` that `window` asked for."""
    if window.from_end:
        begin = max(0, page.total - window.limit)
    else:
        begin = max(0, window.offset + page.shift)
    rows = page.records[max(0, begin - page.offset) :][: window.limit] if window.limit else ()
    mixed = any(record.unreadable for record in rows)
    edges = (MixedEdges if mixed else Edges)(rows, begin)
    return ClientConnection(
        edges=cast("list[ClientEdge]", edges),
        page_info=PageInfo(
            edges=edges,
            has_next_page=_follow(window, page, begin + len(rows), rows),
            has_previous_page=min(begin, page.total) > 0,
        ),
        total=page.total,
    )
