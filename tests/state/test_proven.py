"""Which credentials are proven, kept in a database across restarts."""

import asyncio
import logging
import sqlite3
from pathlib import Path

import pytest

from gateway.storage.credentials import DAY, SQLiteCredentialStore
from gateway.storage.database import Database
from tests.clockwork import REAL


@pytest.fixture
def anyio_backend() -> object:
    return REAL  # a thread reads the disk


def kept(database: Database, at: float = 0.0) -> SQLiteCredentialStore:
    return SQLiteCredentialStore(database, now=lambda: at)


async def written() -> None:
    """Wait until every note under way has been written."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        writing = [task for task in others if "_write" in repr(task)]
        if not writing:
            return
        await asyncio.wait(writing)


async def test_what_was_proven_is_known_after_a_restart_with_its_age(tmp_path: Path) -> None:
    first = Database(tmp_path / "state")
    kept(first, 100).remember("a")
    kept(first, 200).remember("b")
    await written()
    await first.aclose()

    second = Database(tmp_path / "state")
    assert kept(second, 300).load() == {"a": 200.0, "b": 100.0}
    await second.aclose()


async def test_what_was_refused_since_is_not(tmp_path: Path) -> None:
    database = Database(tmp_path / "state")
    proven = kept(database)
    proven.remember("a")
    proven.remember("b")
    proven.forget("a")
    await written()

    assert proven.load() == {"b": 0.0}
    await database.aclose()


async def test_a_proof_is_good_for_a_day_and_then_struck_out() -> None:
    database = Database()
    kept(database, 0).remember("a")
    await written()

    assert kept(database, DAY - 1).load() == {"a": DAY - 1}
    assert kept(database, DAY).load() == {}
    assert kept(database, 1).load() == {}
    await database.aclose()


async def test_a_clock_set_back_makes_no_credential_proven_for_longer() -> None:
    database = Database()
    kept(database, 1_000).remember("a")
    await written()

    assert kept(database, 0).load() == {"a": 0.0}
    await database.aclose()


async def test_a_thousand_new_callers_are_written_in_a_few_transactions(tmp_path: Path) -> None:
    database = Database(tmp_path / "state")
    proven = kept(database)
    transactions = []
    with sqlite3.connect(tmp_path / "state") as beside:
        for number in range(1_000):
            proven.remember(str(number))
            transactions.append(beside.execute("PRAGMA data_version").fetchone())
        await written()
        transactions.append(beside.execute("PRAGMA data_version").fetchone())
    beside.close()

    assert len(proven.load()) == 1_000
    assert len(set(transactions)) == 2
    await database.aclose()


async def test_what_cannot_be_written_is_logged_once_and_costs_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = Database()
    proven = kept(database)
    await database.aclose()
    with caplog.at_level(logging.WARNING):
        for name in "abc":
            proven.remember(name)
            await written()

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be stored" in caplog.text
