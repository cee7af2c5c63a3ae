"""Every dependency is pinned, known by its hash, and fetched from wherever the reader fetches."""

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.packaging.recipes import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NPM_LOCKS = [
    ROOT / "tests/clients/package-lock.json",
    ROOT / "gateway/web/graphiql/package-lock.json",
    *sorted(ROOT.glob("bench/rivals/*/package-lock.json")),
]
PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: Path) -> dict[str, str]:
    return dict(PIN.findall(lock.read_text()))


def named(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9-]+", requirement)
    assert match is not None
    return match[0].lower()


def test_the_locks_are_the_ones_make_lock_writes() -> None:
    assert [lock.stem for lock in LOCKS] == [
        "audit",
        "bench",
        "build",
        "deploy",
        "dev",
        "gql3",
        "node",
        "run",
        "sbom",
        "scan",
        "uv",
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_pins_every_package_by_version_and_hash_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    packages = re.split(r"\n(?=[a-z])", text)

    assert "://" not in text
    assert packages
    for package in packages:
        assert PIN.match(package), package
        assert "--hash=sha256:" in package


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda lock: lock.parent.name)
def test_an_npm_lock_pins_every_package_by_hash_and_names_no_download_address(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]
    fetched = {name: package for name, package in packages.items() if name}

    assert fetched
    assert [name for name, package in fetched.items() if "resolved" in package] == []
    assert [
        name
        for name, package in fetched.items()
        if not package.get("inBundle") and "integrity" not in package
    ] == []


def test_every_dependency_of_pyproject_is_locked() -> None:
    groups = PYPROJECT["dependency-groups"]

    assert {named(each) for each in PYPROJECT["project"]["dependencies"]} <= set(
        pins(ROOT / "requirements/run.txt")
    )
    for group, requirements in groups.items():
        locked = pins(ROOT / f"requirements/{group}.txt")
        assert {named(each) for each in requirements} <= set(locked), group


def test_what_is_tested_is_what_runs() -> None:
    run, dev = pins(ROOT / "requirements/run.txt"), pins(ROOT / "requirements/dev.txt")

    assert run == {name: dev[name] for name in run}


def test_every_dependency_says_why_it_is_there() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    start, end = lines.index("dependencies = ["), lines.index("[project.scripts]")
    wanted = [line for line in lines[start + 1 : end] if line.strip().startswith('"')]

    project = PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    assert len(wanted) == len(project["dependencies"]) + sum(len(extra) for extra in extras)
    assert [line for line in wanted if "  # " not in line] == []


def test_these_tests_run_on_the_locked_versions() -> None:
    locked = pins(ROOT / "requirements/dev.txt")
    direct = [named(each) for each in PYPROJECT["project"]["dependencies"]]

    assert {name: version(name) for name in direct} == {name: locked[name] for name in direct}
