"""Clients as a Relay connection: any window of the list, counted and cursored."""

from collections.abc import Callable
from typing import Any, NamedTuple

import strawberry

from schema.client import FREE, Client
from schema.cursors import Cursor, anchor_in
from schema.failures import Invalid
from schema.source import MAX_PAGE, ClientRecord, Page, Window

DEFAULT_PAGE = 25
"""Rows answered when neither `first` nor `last` is given (the API's own default)."""


@strawberry.federation.type(
    shareable=True, description="Where this page lies in the whole list.", directives=[FREE]
)
class PageInfo:
    """Relay's PageInfo (Cursor Connections Specification)."""

    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first row here.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last row here.")


class Made(NamedTuple):
    """How a field's value is made of the object it is on: for resolvers and compiled operations."""

    make: Callable[[Any], Any]


def _made(make: Callable[[Any], Any], description: str) -> Any:
    """A field whose value is only made where it is asked for."""

    def resolve(root: Any) -> Any:
        return make(root)

    return strawberry.field(resolver=resolve, description=description, metadata={Made: Made(make)})


@strawberry.type(description="A client in its place in the list.", directives=[FREE])
class ClientEdge:
    """Relay's edge (Cursor Connections Specification)."""

    record: strawberry.Private[ClientRecord]
    index: strawberry.Private[int | None]
    """Its place in the whole list; None where it is in no list yet."""

    cursor: str = _made(
        lambda edge: cursor_of(edge.record, edge.index),
        "Opaque; pass it as `after` or `before`.",
    )
    node: Client | None = _made(lambda edge: Client.of(edge.record), "The client.")


@strawberry.type(
    description="A page of clients and where it lies in the whole list.", directives=[FREE]
)
class ClientConnection:
    """Relay's connection (Cursor Connections Specification)."""

    edges: list[ClientEdge] = strawberry.field(description="The rows, in the API's order.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")
    total_count: int = strawberry.field(
        description="How many clients match. Costs nothing beyond the rows' own read."
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


def cursor_of(record: ClientRecord, index: int | None) -> str:
    """The cursor of a record at an absolute index, or newly made and not yet in any list."""
    return str(Cursor(index, record.id))


def edge(record: ClientRecord, index: int | None) -> ClientEdge:
    """The record in its place."""
    return ClientEdge(record=record, index=index)


def connection(window: Window, page: Page) -> ClientConnection:
    """The part of `page` that `window` asked for."""
    begin = window.moved(page.shift).offset
    if window.from_end:
        begin = max(0, page.total - window.limit)
    rows = page.records[max(0, begin - page.offset) :][: window.limit] if window.limit else ()
    edges = [edge(record, begin + place) for place, record in enumerate(rows)]
    return ClientConnection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=begin + len(edges) < page.total,
            has_previous_page=min(begin, page.total) > 0,
            start_cursor=cursor_of(rows[0], begin) if rows else None,
            end_cursor=cursor_of(rows[-1], begin + len(rows) - 1) if rows else None,
        ),
        total_count=page.total,
    )
