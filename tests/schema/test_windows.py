import pytest

from schema.source.errors import InvalidInput
from schema.source.records import ClientRecord, Page, Window
from schema.types.client_connection import connection
from schema.types.cursors import Cursor
from schema.types.page_arguments import window_for

ANCHOR = "a3f8c1d2-6b4e-4a9f-8d27-95c0e3b1f684"


def at(index: int) -> str:
    return str(Cursor(index, ANCHOR))


def records(begin: int, end: int) -> tuple[ClientRecord, ...]:
    return tuple(ClientRecord(id=f"00000000-0000-4000-8000-{i:012d}") for i in range(begin, end))


@pytest.mark.parametrize(
    ("first", "after", "last", "before", "offset", "window"),
    [
        (None, None, None, None, None, (0, 25)),
        (10, None, None, None, None, (0, 10)),
        (0, None, None, None, None, (0, 0)),
        (10, 9, None, None, None, (10, 10)),
        (10, None, None, None, 40, (40, 10)),
        (10, 9, None, None, 5, (15, 10)),
        (10, 9, None, 15, None, (10, 5)),
        (None, None, 10, 50, None, (40, 10)),
        (None, None, 10, 4, None, (0, 4)),
        (None, 44, 10, 50, None, (45, 5)),
        (None, None, 10, 0, None, (0, 0)),
        (None, None, 10, None, None, (0, 10)),
        (5, 9, None, 3, None, (10, 0)),
    ],
)
def test_arguments_name_a_window(  # noqa: PLR0913, PLR0917 - the connection's arguments
    first: int | None,
    after: int | None,
    last: int | None,
    before: int | None,
    offset: int | None,
    window: tuple[int, int],
) -> None:
    cursors = [None if place is None else at(place) for place in (after, before)]

    found = window_for(first, cursors[0], last, cursors[1], offset)

    assert (found.offset, found.limit) == window
    assert found.from_end == (last is not None and before is None)
    between = found.between
    anchors = (None, None) if between is None else (between.after, between.before)
    assert [anchor and (anchor.place, anchor.id) for anchor in anchors] == [
        None if place is None else (place, ANCHOR) for place in (after, before)
    ]


@pytest.mark.parametrize(
    ("first", "after", "last", "before", "offset", "reason"),
    [
        (5, None, 5, None, None, "not both"),
        (-1, None, None, None, None, "`first` must be between 0 and 100, not -1"),
        (101, None, None, None, None, "`first` must be between 0 and 100, not 101"),
        (None, None, -3, None, None, "`last` must be between 0 and 100, not -3"),
        (None, None, 101, None, None, "`last` must be between 0 and 100, not 101"),
        (None, None, None, None, -1, "`offset` must not be negative"),
        (None, None, 5, None, 5, "`offset` counts from the front"),
        (None, "junk", None, None, None, "`after` is not a cursor"),
        (None, None, None, "junk", None, "`before` is not a cursor"),
        (None, at(4), 5, None, None, "`last` pages backwards"),
    ],
)
def test_arguments_that_name_no_window_are_refused(  # noqa: PLR0913, PLR0917
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    offset: int | None,
    reason: str,
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        window_for(first, after, last, before, offset)


def shape(window: Window, page: Page) -> tuple[list[str], bool, bool, int]:
    found = connection(window, page)
    ids = [edge.record.id[-2:] for edge in found.edges]
    info = found.page_info
    return ids, info.has_previous_page, info.has_next_page, found.total


def test_a_connection_shows_the_window_out_of_a_larger_page() -> None:
    page = Page(offset=40, records=records(40, 60), total=100)

    assert shape(Window(45, 3), page) == (["45", "46", "47"], True, True, 100)


def test_the_last_rows_are_counted_back_from_the_end() -> None:
    page = Page(offset=90, records=records(90, 100), total=100)

    assert shape(Window(0, 2, from_end=True), page) == (["98", "99"], True, False, 100)


def test_a_window_past_the_end_is_empty_and_knows_what_precedes_it() -> None:
    assert shape(Window(500, 10), Page(500, (), 42)) == ([], True, False, 42)


def test_an_empty_list_has_nothing_before_or_after() -> None:
    assert shape(Window(0, 25), Page(0, (), 0)) == ([], False, False, 0)
    assert shape(Window(0, 25, from_end=True), Page(0, (), 0)) == ([], False, False, 0)


def test_asking_for_no_rows_shows_none_of_those_read() -> None:
    assert shape(Window(0, 0), Page(0, records(0, 1), 42)) == ([], False, True, 42)
