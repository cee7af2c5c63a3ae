from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.store.list_index import IndexRange, ListIndex, full_pages
from schema.source.records import Window

NEVER = float("-inf")


def ids(start: int, stop: int) -> tuple[str, ...]:
    return tuple(str(index) for index in range(start, stop))


def test_rows_read_apart_are_held_apart() -> None:
    rows = ListIndex(10, NEVER).merge(0, ids(0, 2), 10, 1).merge(5, ids(5, 7), 10, 2)

    assert rows == ListIndex(10, 2, (IndexRange(0, ids(0, 2), 1), IndexRange(5, ids(5, 7), 2)))
    assert rows.slice(1, 6, NEVER) == [("1", 1), None, None, None, ("5", 2)]
    assert rows.slice(1, 6, 2) == [None, None, None, None, ("5", 2)]


def test_the_later_of_two_readings_that_overlap_is_on_top() -> None:
    rows = ListIndex(10, NEVER).merge(0, ids(0, 6), 10, 1).merge(2, ids(2, 4), 10, 2)

    assert rows.spans == (
        IndexRange(0, ids(0, 2), 1),
        IndexRange(2, ids(2, 4), 2),
        IndexRange(4, ids(4, 6), 1),
    )
    assert rows.merge(1, ids(1, 5), 10, 1.5).slice(0, 6, NEVER) == [
        ("0", 1),
        ("1", 1.5),
        ("2", 2),
        ("3", 2),
        ("4", 1.5),
        ("5", 1),
    ]


def test_rows_that_moved_leave_only_the_later_reading() -> None:
    rows = ListIndex(10, NEVER).merge(0, ids(0, 5), 10, 5)

    for moved in ((5, ids(4, 9), 10), (0, ids(1, 4), 10), (5, ids(5, 9), 9)):
        assert rows.merge(*moved, 6) == ListIndex(moved[2], 6, (IndexRange(moved[0], moved[1], 6),))
        assert rows.merge(*moved, 4) == rows


def test_a_page_that_repeats_itself_tells_no_rows() -> None:
    assert ListIndex(3, NEVER).merge(0, ("a", "a"), 3, 1) == ListIndex(3, 1)


def test_a_page_longer_than_its_total_tells_no_rows() -> None:
    assert ListIndex(3, NEVER).merge(2, ("a", "b"), 3, 1) == ListIndex(3, 1)


def test_what_is_forgotten_leaves_its_length() -> None:
    forgotten = ListIndex(10, NEVER).merge(0, ids(0, 5), 10, 5).cleared()

    assert forgotten == ListIndex(10, NEVER)
    assert forgotten.merge(0, ids(0, 2), 8, 1) == ListIndex(8, 1, (IndexRange(0, ids(0, 2), 1),))


@given(total=st.integers(0, 300), offset=st.integers(0, 400), limit=st.integers(0, 100))
def test_a_window_names_what_slicing_names(total: int, offset: int, limit: int) -> None:
    every, rows = list(range(total)), ListIndex(total, 0)

    start, stop = rows.range_of(Window(offset, limit))
    assert every[start:stop] == every[offset : offset + limit]
    start, stop = rows.range_of(Window(offset, limit, from_end=True))
    left = every[: max(0, total - offset)]
    assert every[start:stop] == left[max(0, len(left) - limit) :]


@given(st.sets(st.integers(0, 2500)))
def test_blocks_hold_every_missing_row_and_none_is_in_vain(missing: set[int]) -> None:
    pages = [range(page.offset, page.offset + page.limit) for page in full_pages(missing)]

    assert missing <= {index for page in pages for index in page}
    assert all(missing & set(page) for page in pages)
    assert len(pages) == len(set(pages))


READINGS = st.lists(
    st.tuples(st.integers(0, 39), st.integers(0, 15), st.integers(1, 20)), max_size=12
)


@given(READINGS)
def test_of_a_list_that_holds_still_each_row_is_as_young_as_its_youngest_reading(
    readings: list[tuple[int, int, int]],
) -> None:
    rows = ListIndex(40, NEVER)
    model: dict[int, int] = {}
    for start, length, at in readings:
        stop = min(40, start + length)
        rows = rows.merge(start, ids(start, stop), 40, at)
        model |= {index: max(at, model.get(index, 0)) for index in range(start, stop)}

    assert rows.slice(0, 40, NEVER) == [
        (str(index), model[index]) if index in model else None for index in range(40)
    ]
    assert all(one.stop <= two.start for one, two in zip(rows.spans, rows.spans[1:], strict=False))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 15)), max_size=12))
def test_of_a_list_that_moves_no_id_is_ever_returned_twice(
    readings: list[tuple[int, int, int]],
) -> None:
    rows = ListIndex(20, NEVER)
    for at, (shift, start, length) in enumerate(readings):
        stop = min(20, start + length)
        rows = rows.merge(start, ids(start + shift, stop + shift), 20, at)
        results = [row[0] for row in rows.slice(0, 20, NEVER) if row is not None]
        assert len(results) == len(set(results))
