"""Arguments of fields: their descriptions, and those of a connection as a window of rows."""

import strawberry
from strawberry.types.arguments import StrawberryArgumentAnnotation

from schema.source.errors import InvalidInput
from schema.source.records import MAX_PAGE, Between, Window
from schema.source.search import Question
from schema.types.cursors import decode_cursor

DEFAULT_PAGE = 25
"""Rows of a page without `first` and `last` (the API's own default)."""


def about(description: str) -> StrawberryArgumentAnnotation:
    """Return the annotation of an argument with this description."""
    return strawberry.argument(description=description)


def _size(first: int | None, last: int | None) -> int:
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 0 <= value <= MAX_PAGE:
            raise InvalidInput(
                f"`{name}` must be between 0 and {MAX_PAGE}, not {value}: ask for the next rows"
                " with `after: pageInfo.endCursor`."
            )
    if first is not None and last is not None:
        raise InvalidInput(
            "Pass `first` or `last`, not both: they name different ends of the list."
        )
    size = first if first is not None else last
    return DEFAULT_PAGE if size is None else size


def window_for(  # noqa: PLR0913, PLR0917 - Relay's arguments
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    offset: int | None,
    question: Question | None = None,
) -> Window:
    """Return the window that a connection's arguments describe.

    Raises `InvalidInput`; nothing is sent. `offset` skips rows from the start, or from the row
    after `after`. In a sorted list the cursors are of the order of `question`.
    """
    size = _size(first, last)
    if offset is not None and offset < 0:
        raise InvalidInput(f"`offset` must not be negative, and is {offset}.")
    if offset is not None and last is not None:
        raise InvalidInput(
            "`offset` counts from the front: combine it with `first`, not with `last`."
        )
    top = None if after is None else decode_cursor(after, "after", question)
    bottom = None if before is None else decode_cursor(before, "before", question)
    if last is not None and bottom is None:
        if after is not None:
            raise InvalidInput(
                "`last` pages backwards: combine it with `before`, not with `after`."
            )
        return Window(0, size, from_end=True)
    between = Between(size, top, bottom, offset or 0, backwards=last is not None)
    if top is None and bottom is None:
        return between.window(between.nominal)
    return Window.of(between)
