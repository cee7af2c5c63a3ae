"""Which ids of rows need no second look."""

import pytest

from gateway.api.records import are_canonical_ids

ONE = "00000000-0000-4000-8000-0000000000ab"


def test_ids_as_the_graph_holds_them_need_no_second_look() -> None:
    assert are_canonical_ids()
    assert are_canonical_ids(ONE)
    assert are_canonical_ids(ONE, ONE)


@pytest.mark.parametrize(
    "other", ["", ",", "7", ONE.upper(), f"{ONE},{ONE}", f"{ONE},", f"{ONE}\n"]
)
def test_one_other_id_among_them_has_all_of_them_looked_at(other: str) -> None:
    assert not are_canonical_ids(other)
    assert not are_canonical_ids(ONE, other)
    assert not are_canonical_ids(other, ONE)
