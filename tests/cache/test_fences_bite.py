"""Each fence taken away in a copy of the code turns a test red: the tests would notice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WATCHERS = [f"tests/cache/test_{what}.py" for what in ("writes", "windows", "by_id")]

SABOTAGE = {
    "the caller in the key": (
        "gateway/cache/store/keys.py",
        "str.__new__(cls, caller.partition)",
        'str.__new__(cls, "everybody" if caller else "")',
    ),
    "comparing before a list is kept": (
        "gateway/cache/store/fenced.py",
        "if self.generations.of_lists(key.partition) != fence:",
        "if self.generations.of_lists(key.partition) is None:",
    ),
    "comparing before a client is kept": (
        "gateway/cache/store/fenced.py",
        "if self.generations.of_client(key) != fence:",
        "if self.generations.of_client(key) is None:",
    ),
    "raising before a write is sent": (
        "gateway/cache/write/effects.py",
        "        self._memory.invalidate_in_flight(partition, key)\n        if key is not None:",
        "        if key is not None:",
    ),
    "raising after an outcome, unknown ones too": (
        "gateway/cache/write/effects.py",
        "        self._memory.invalidate_in_flight(partition, key)\n        if event.claimed",
        "        if event.claimed",
    ),
    "forgetting after an unknown outcome": (
        "gateway/cache/write/effects.py",
        "            self._forget(partition, key)\n        elif",
        "            pass\n        elif",
    ),
    "the fence in a flight's name": (
        "gateway/cache/read/list_reader.py",
        "return key, window, fence, ",
        "return key, window, ",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("gateway", "schema", "tests"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            # What is compiled is as old as what it was compiled from, in the copy too.
            ignore=shutil.ignore_patterns("node_modules", "dist", "build", ".venv*", "*.pyc.*"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def outcome(of: Path) -> subprocess.CompletedProcess[str]:
    plugins = ["-p", "anyio", "-p", "no:cacheprovider"]
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", "-x", "-q", *plugins, *WATCHERS],
        cwd=of,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_every_fence_in_its_place_all_is_green(copy: Path) -> None:
    ended = outcome(copy)

    assert ended.returncode == 0, ended.stdout[-2_000:]


@pytest.mark.parametrize("fence", SABOTAGE)
def test_without_it_a_test_is_red(copy: Path, fence: str) -> None:
    file, there, instead = SABOTAGE[fence]
    text = (copy / file).read_text("utf-8")
    assert there in text, "the fence has moved: say here where it stands now"
    (copy / file).write_text(text.replace(there, instead), "utf-8")

    ended = outcome(copy)

    assert ended.returncode == 1, ended.stdout[-2_000:]
    assert " failed" in ended.stdout
