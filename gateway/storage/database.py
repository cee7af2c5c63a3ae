"""One small SQLite database, asked beside the event loop and never in its way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

WAITING = 256
"""Transactions that may wait; more are refused."""
SECONDS = 2.0


DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""Primary result codes of a file that no retry makes readable (SQLite, Result Codes)."""


class StorageError(Exception):
    """What was to be kept could not be; the message says why, for operators."""


class Damaged(StorageError):
    """The file is no database, has damaged pages, or holds tables of something else."""


class Tables(NamedTuple):
    """The tables of one package, and what brings those of its earlier versions up to date."""

    sql: str
    """Statements that make the tables, if they are not there yet."""
    migrate: Callable[[sqlite3.Connection], None]
    """Called in a transaction at each start, with the tables made."""


class Database:
    """Transactions, one after the other: each is on disk when it ends, or did not happen.

    One in memory runs them in place. One in a file has a thread of its own, so that a slow
    disk delays only who asked for it, and is given up on after `seconds`.
    """

    def __init__(self, path: Path | None = None, *, seconds: float = SECONDS) -> None:
        """In memory without a `path`. Raises `Unkept` for what is no usable database.

        `seconds`: how long one transaction may take, waiting included.
        """
        self._seconds = seconds
        try:
            self._connection = _opened(path, seconds / 2)
        except (OSError, sqlite3.Error) as error:
            raise _unkept(error) from None
        self._thread = None if path is None else ThreadPoolExecutor(1, "state")
        if path is None:  # it ends with its owner: no file is left half written
            weakref.finalize(self, self._connection.close)
        self._waiting = 0

    def prepare(self, sql: str) -> None:
        """Run the statements that make a part's tables, if they are not there yet; at start-up.

        Raises `Damaged` where one of these tables is there and has other columns.
        """
        with contextlib.closing(sqlite3.connect(":memory:")) as model:
            model.executescript(sql)
            expected = _tables(model)
        try:
            self._connection.executescript(sql)
            found = _tables(self._connection)
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # a column that is not there, say
                raise Damaged(str(error)) from None
            raise _unkept(error) from None
        for name, columns in expected.items():
            if found.get(name) != columns:
                raise Damaged(f"the table {name} is of something else")

    def check(self) -> None:
        """Read all pages; at start-up. Raises `Damaged` where one is."""
        try:
            [[result], *_] = self._connection.execute("PRAGMA quick_check(1)").fetchall()
        except sqlite3.Error as error:
            raise _unkept(error) from None
        if result != "ok":
            raise Damaged("database disk image is malformed")

    def close(self) -> None:
        """Close it at once; before anything was run."""
        self._connection.close()
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def run_sync(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` makes of the database, in one transaction and in place; at start-up."""
        return self._transact(work)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` makes of the database, in one transaction.

        Raises `Unkept` when it did not happen, or when nobody knows in time whether it will.
        """
        if self._thread is None:
            return self._transact(work)
        if self._waiting >= WAITING:
            raise StorageError("too much waits to be written already")
        self._waiting += 1
        try:
            done = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        except RuntimeError:
            self._waiting -= 1
            raise StorageError("it is closed") from None
        done.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.shield(done), self._seconds)
        except TimeoutError:
            raise StorageError(f"the disk took longer than {self._seconds:g} s") from None

    async def aclose(self) -> None:
        """Let what was begun end, then close."""
        if self._thread is None:
            self._connection.close()
            return
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        await closing
        self._thread.shutdown(wait=False)

    def _ended(self, done: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not done.cancelled():
            done.exception()  # seen, also when whoever asked has given up

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _unkept(error) from None
        return result


def _unkept(error: OSError | sqlite3.Error) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return Damaged(str(error)) if code in DAMAGE else StorageError(str(error))


def _tables(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Name, type, NOT NULL and place in the primary key of each table's columns."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    columns = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
    return {name: connection.execute(columns, (name,)).fetchall() for (name,) in names}


def _opened(path: Path | None, patience: float) -> sqlite3.Connection:
    if path is not None:
        # SQLite would let others read it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    connection = sqlite3.connect(
        path or ":memory:", timeout=patience, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a commit survives the power going out
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    except BaseException:
        connection.close()
        raise
    return connection
