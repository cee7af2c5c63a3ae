"""Who takes part in what."""

import sys
from pathlib import Path

import pytest

from bench.ours import before, ours
from bench.rig import HERE, Rig
from bench.sides import sides
from bench.work import WORKS

ENVIRONMENT = HERE.parent / ".venv"


@pytest.mark.skipif(Path(sys.prefix) != ENVIRONMENT, reason="not installed in .venv")
def test_another_checkout_is_started_as_its_own_measurements_start_it() -> None:
    rig = Rig(api_port=9_123)

    there = before(rig, HERE.parent)

    own = [ours(rig, cached=cached) for cached in (False, True)]
    assert [(each.command, each.environment, each.cached) for each in there] == [
        (list(each.command), each.environment, each.cached) for each in own
    ]
    assert all(each.name.startswith("before (") for each in there)


def test_our_side_takes_part_once_in_each_workload() -> None:
    for work in WORKS:
        there = [side for side in sides(Rig()) if side.takes_part(work)]

        assert [side.kind for side in there].count("ours") == 1
        assert all(side.cached == work.cached or work.held for side in there)
        assert not work.alone or {side.kind for side in there} <= {"ours", "variant"}
