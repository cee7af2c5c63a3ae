"""What is reported as kept is on disk, and a failing disk delays no request."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.storage.database import WAITING, Database, StorageError
from tests.clockwork import REAL

pytestmark = pytest.mark.anyio

TABLE = "CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY) WITHOUT ROWID"


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL


def opened(path: Path | None) -> Database:
    made = Database(path)
    made.prepare(TABLE)
    return made


def say(word: str) -> Any:
    return lambda connection: connection.execute("INSERT INTO words VALUES (?)", (word,))


def words(connection: sqlite3.Connection) -> list[str]:
    return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY word")]


async def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    first = opened(tmp_path / "db")
    await first.run(say("kept"))
    await first.aclose()

    second = opened(tmp_path / "db")

    assert await second.run(words) == ["kept"]
    await second.aclose()


@pytest.mark.parametrize("name", ["db", None], ids=["file", "memory"])
async def test_a_transaction_that_fails_leaves_nothing_behind(
    tmp_path: Path, name: str | None
) -> None:
    kept = opened(tmp_path / name if name else None)

    def twice(connection: sqlite3.Connection) -> None:
        say("half")(connection)
        say("half")(connection)

    with pytest.raises(StorageError, match="UNIQUE"):
        await kept.run(twice)

    assert await kept.run(words) == []
    await kept.aclose()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    kept = opened(tmp_path / "db")
    await kept.run(say("private"))

    assert modes(tmp_path) == {"db": 0o600, "db-wal": 0o600, "db-shm": 0o600}
    await kept.aclose()


async def test_a_commit_survives_the_power_going_out(tmp_path: Path) -> None:
    kept = opened(tmp_path / "db")

    def pragmas(connection: sqlite3.Connection) -> list[Any]:
        return [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]

    assert await kept.run(pragmas) == ["wal", 2]
    await kept.aclose()


async def test_the_loop_runs_on_while_the_disk_is_busy(tmp_path: Path) -> None:
    kept = opened(tmp_path / "db")
    release = threading.Event()

    def slow(_: sqlite3.Connection) -> str:
        release.wait()
        return "done"

    waiting = asyncio.create_task(kept.run(slow))
    await asyncio.sleep(0)
    release.set()  # were the loop blocked by it, this line would not be reached

    assert await waiting == "done"
    await kept.aclose()


async def test_a_disk_that_hangs_is_given_up_on(tmp_path: Path) -> None:
    kept = Database(tmp_path / "db", seconds=0.01)
    release = threading.Event()

    with pytest.raises(StorageError, match="took longer"):
        await kept.run(lambda _: release.wait())

    release.set()
    await kept.aclose()


async def test_more_than_may_wait_are_refused(tmp_path: Path) -> None:
    kept = opened(tmp_path / "db")
    release = threading.Event()
    waiting = [asyncio.create_task(kept.run(lambda _: release.wait())) for _ in range(WAITING)]
    await asyncio.sleep(0)

    with pytest.raises(StorageError, match="too many"):
        await kept.run(words)

    release.set()
    assert await asyncio.gather(*waiting) == [True] * WAITING
    assert await kept.run(words) == []
    await kept.aclose()


async def test_what_is_no_database_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"somebody's notes, at least as long as a header" * 100)

    with pytest.raises(StorageError, match="not a database"):
        Database(tmp_path / "db")

    assert (tmp_path / "db").read_bytes().startswith(b"somebody's notes")


async def test_nothing_is_kept_after_it_was_closed(tmp_path: Path) -> None:
    kept = opened(tmp_path / "db")
    await kept.aclose()

    with pytest.raises(StorageError):
        await kept.run(words)


async def test_two_gateways_may_share_one_file(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "db"), opened(tmp_path / "db")

    await asyncio.gather(
        *(
            kept.run(say(f"{name}{n}"))
            for n in range(9)
            for name, kept in (("a", one), ("b", other))
        )
    )

    assert len(await one.run(words)) == 18
    await one.aclose()
    await other.aclose()
