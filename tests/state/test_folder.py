"""The folder that outlives the gateway: made once, found again, and never guessed."""

import contextlib
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.storage.database import StorageError
from gateway.storage.state_dir import in_memory, open_state_dir
from gateway.writes.idempotency_store import TABLES

pytestmark = pytest.mark.anyio


async def test_the_secret_is_the_same_after_a_restart_and_another_elsewhere(tmp_path: Path) -> None:
    states = [
        open_state_dir(tmp_path / name, TABLES) for name in ("deep/here", "deep/here", "there")
    ]
    for state in states:
        await state.database.aclose()

    first, again, elsewhere = (state.secret for state in states)
    assert first == again != elsewhere
    assert len(first) == 32
    assert [state.durable for state in states] == [True] * 3


async def test_only_its_owner_can_read_the_secret(tmp_path: Path) -> None:
    await open_state_dir(tmp_path / "state", TABLES).database.aclose()

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "state", *(tmp_path / "state").iterdir())
    }
    assert modes == {"state": 0o700, "secret": 0o600, "state.sqlite3": 0o600}


async def test_the_secret_shows_in_no_repr(tmp_path: Path) -> None:
    state = open_state_dir(tmp_path, TABLES)

    assert repr(state.secret) not in repr(state)
    await state.database.aclose()


def test_a_damaged_secret_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    (tmp_path / "secret").chmod(0o600)

    with pytest.raises(StorageError, match="does not hold 32 bytes"):
        open_state_dir(tmp_path, TABLES)

    assert (tmp_path / "secret").read_bytes() == b"short"


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match="file/state: Not a directory"):
        open_state_dir(tmp_path / "file" / "state", TABLES)


def test_an_unknown_home_is_reported() -> None:
    with pytest.raises(StorageError, match="home directory"):
        open_state_dir(Path("~nobody-of-this-name/state"), TABLES)


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        (".", 0o755, "is open to others (mode 0755): chmod 700 it"),
        (".", 0o770, "is open to others (mode 0770): chmod 700 it"),
        ("secret", 0o640, "secret is open to others (mode 0640): chmod 600 it"),
        ("secret", 0o604, "secret is open to others (mode 0604): chmod 600 it"),
        ("state.sqlite3", 0o644, "state.sqlite3 is open to others (mode 0644): chmod 600 it"),
    ],
)
async def test_what_others_can_read_is_refused_in_one_line(
    tmp_path: Path, name: str, mode: int, message: str
) -> None:
    folder = tmp_path / "state"
    await open_state_dir(folder, TABLES).database.aclose()
    (folder / name).chmod(mode)

    with pytest.raises(StorageError) as refused:
        open_state_dir(folder, TABLES)

    assert str(refused.value).endswith(message)
    assert "\n" not in str(refused.value)
    (folder / name).chmod(0o700)


@pytest.mark.parametrize("name", [".", "secret", "state.sqlite3"])
async def test_a_symbolic_link_is_refused_and_not_followed(tmp_path: Path, name: str) -> None:
    folder, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    await open_state_dir(elsewhere, TABLES).database.aclose()
    if name == ".":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir(mode=0o700)
        (folder / name).symlink_to(elsewhere / name)

    with pytest.raises(StorageError, match="is a symbolic link"):
        open_state_dir(folder, TABLES)


def page_overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xde" * 4096
    file.write_bytes(content)


def of_something_else(file: Path) -> None:
    file.unlink()
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE creates (id INTEGER)")
    file.chmod(0o600)


def a_table_of_something_else(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.executescript("DROP TABLE proven; CREATE TABLE proven (credential, at, role)")


@pytest.mark.parametrize(
    "damage",
    [
        page_overwritten,
        of_something_else,
        a_table_of_something_else,
        lambda file: file.write_bytes(b"no database at all" * 300),
        lambda file: file.write_bytes(file.read_bytes()[:5000]),
    ],
    ids=["a page", "foreign", "a foreign table", "no database", "cut off"],
)
async def test_a_damaged_database_is_kept_aside_and_done_without(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    folder = tmp_path / "state"
    first = open_state_dir(folder, TABLES)
    await first.database.aclose()
    damage(folder / "state.sqlite3")
    content = (folder / "state.sqlite3").read_bytes()

    with pytest.raises(StorageError) as damaged:
        open_state_dir(folder, TABLES)
    again = open_state_dir(folder, TABLES)
    await again.database.aclose()

    [aside] = folder.glob("state.sqlite3.damaged-*[0-9]")
    assert aside.read_bytes()[100:] == content[100:], "but for the file's header"
    assert f"it was renamed to {aside.name}" in str(damaged.value)
    assert "\n" not in str(damaged.value)
    assert again.secret == first.secret


async def test_a_database_that_another_process_writes_to_is_not_damaged(tmp_path: Path) -> None:
    first = open_state_dir(tmp_path / "state", TABLES)
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "state.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            open_state_dir(tmp_path / "state", TABLES)
    await first.database.aclose()

    assert not list((tmp_path / "state").glob("*damaged*"))


async def test_in_memory_two_states_share_nothing() -> None:
    one, other = in_memory(trusted=True), in_memory(trusted=False)

    assert one.secret != other.secret
    assert (one.durable, other.durable) == (True, False)
