"""The map of the code stays plain: what has been brought to zero stays there."""

from __future__ import annotations

import pytest

from tests import house


@pytest.mark.parametrize("check", house.CHECKS.values())
def test_what_makes_a_tree_hard_to_read_is_not_there(check: house.Check) -> None:
    assert check() == []


def test_each_cycle_of_imports_is_found_and_no_import_is_counted_twice() -> None:
    imports = {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"e"}, "e": {"c"}, "f": {"a"}}

    found = [sorted(set(cycle)) for cycle in house.cycles(imports)]

    assert sorted(found) == [["a", "b"], ["c", "d", "e"]]
    assert house.cycles({"a": {"b"}, "b": set()}) == []
