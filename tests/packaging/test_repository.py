"""What is tracked works anywhere: it names no registry's host and no place of one machine."""

import re
import subprocess

import pytest

from tests.packaging.recipes import ROOT
from tests.skips import GIT

# Each is written so that it does not match this file.
REGISTRY = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|debian|nodesource|docker)[.](?:org|com|io)\b"
)
MACHINE = re.compile(r"(?<![\w.~-])/(?:wo[r]k|far[m]|hom[e]|roo[t]|User[s])/")


def tracked() -> dict[str, str]:
    """Every tracked text file and what stands in it."""
    git = GIT.path()
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: git lists the files")
    listed = subprocess.run(  # noqa: S603 - a question to git
        [git, "grep", "-Ilz", "--cached", "-e", ""], cwd=ROOT, capture_output=True, check=True
    )
    names = listed.stdout.decode().split("\0")[:-1]
    return {name: (ROOT / name).read_text() for name in names if (ROOT / name).exists()}


@pytest.mark.parametrize("pattern", [REGISTRY, MACHINE], ids=["registry", "machine"])
def test_no_tracked_file_names_a_place_that_others_do_not_have(pattern: re.Pattern[str]) -> None:
    files = tracked()
    named = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]

    assert "Makefile" in files
    assert named == []


@pytest.mark.parametrize(
    "host", ["py" + "pi.org", "registry.npm" + "js.org", "deb.debi" + "an.org"]
)
def test_a_registry_is_recognised(host: str) -> None:
    assert REGISTRY.search(f"fetched from {host} once")


@pytest.mark.parametrize("path", ["/wor" + "k/main", "cd /roo" + "t/x", "'/hom" + "e/me/x'"])
def test_a_place_of_one_machine_is_recognised(path: str) -> None:
    assert MACHINE.search(path)


@pytest.mark.parametrize(
    "text",
    ["docs/wor" + "k/plan.md", "https://x.example/hom" + "e/", "/wor" + "kers/", "."],
)
def test_other_text_is_not(text: str) -> None:
    assert not MACHINE.search(text)
    assert not REGISTRY.search(text)
