"""`make audit` calls sound only what was looked up."""

from typing import Any

import pytest

from tests.packaging.audit import SOUND, UNKNOWN, VULNERABLE, command, verdict
from tests.packaging.recipes import makefile

CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited"}
FOUND = {
    "name": "c",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}, {"id": "PYSEC-2", "fix_versions": []}],
}


@pytest.mark.parametrize(
    ("packages", "status", "line"),
    [
        ([CLEAN, CLEAN], SOUND, "No known vulnerability in 2 locked packages."),
        ([FOUND, CLEAN, SKIPPED], VULNERABLE, "c 2: PYSEC-1 (fixed in 3)"),
        ([CLEAN, SKIPPED], UNKNOWN, "Audited 1 of 2 locked packages and found nothing; not"),
        ([SKIPPED, SKIPPED], UNKNOWN, "Nothing was audited: of 2 locked packages"),
        ([], UNKNOWN, "Nothing was audited: of 0 locked packages"),
    ],
)
def test_a_report_is_sound_only_where_every_package_was_looked_up(
    packages: list[Any], status: int, line: str
) -> None:
    found, lines = verdict({"dependencies": packages})

    assert found == status
    assert lines[0].startswith(line)


def test_every_lock_is_audited_as_it_stands() -> None:
    assert "-m tests.packaging.audit requirements/*.txt" in makefile()
    called = command(["run.txt", "dev.txt"])
    assert {"--disable-pip", "--require-hashes"} < set(called)
    assert called[-4:] == ["--requirement", "run.txt", "--requirement", "dev.txt"]
