"""A small SQLite database, used in a thread of its own so that it never blocks the event loop."""

import asyncio
import contextlib
import os
import sqlite3
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

WAITING = 256
"""Transactions that may wait; more are refused."""
SECONDS = 2.0


CORRUPTION = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""Primary result codes of a corrupt file, which no retry makes readable (SQLite, Result Codes)."""


class StorageError(Exception):
    """Data could not be stored or read; the message states the reason, for operators."""


class CorruptDatabase(StorageError):
    """The file is no database, has corrupt pages, or has tables of another program."""


class Database:
    """Serial transactions: each is on disk when it ends, or did not happen.

    A database in memory runs them in place. A database in a file has a thread of its own, so that a
    slow disk delays only the caller of the transaction, which waits for at most `seconds`.
    """

    def __init__(self, path: Path | None = None, *, seconds: float = SECONDS) -> None:
        """Open the file at `path`, or a database in memory. Raises `StorageError` if unusable.

        `seconds`: the time limit of one transaction, waiting included.
        """
        self._seconds = seconds
        try:
            self._connection = _open(path, seconds / 2)
        except (OSError, sqlite3.Error) as error:
            raise _storage_error(error) from None
        self._thread = None if path is None else ThreadPoolExecutor(1, "state")
        if path is None:  # closed with its owner: there is no file to complete
            weakref.finalize(self, self._connection.close)
        self._waiting = 0

    def prepare(self, sql: str) -> None:
        """Create the tables of one package if they do not exist; at start-up.

        Raises `CorruptDatabase` if one of these tables exists with other columns.
        """
        with contextlib.closing(sqlite3.connect(":memory:")) as model:
            model.executescript(sql)
            expected = _tables(model)
        try:
            self._connection.executescript(sql)
            found = _tables(self._connection)
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # such as a missing column
                raise CorruptDatabase(str(error)) from None
            raise _storage_error(error) from None
        for name, columns in expected.items():
            if found.get(name) != columns:
                raise CorruptDatabase(f"the table {name} belongs to another program")

    def check(self) -> None:
        """Read all pages; at start-up. Raises `CorruptDatabase` if one is corrupt."""
        try:
            [[result], *_] = self._connection.execute("PRAGMA quick_check(1)").fetchall()
        except sqlite3.Error as error:
            raise _storage_error(error) from None
        if result != "ok":
            raise CorruptDatabase("database disk image is malformed")

    def close(self) -> None:
        """Close the database at once; its thread must be idle."""
        self._connection.close()
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `work`, run in one transaction.

        Raises `StorageError` if it did not happen, or if it has not ended within the time limit.
        """
        if self._thread is None:
            return self.run_sync(work)
        if self._waiting >= WAITING:
            raise StorageError("too many transactions are waiting")

        def ended(done: asyncio.Future[T]) -> None:
            self._waiting -= 1
            if not done.cancelled():
                done.exception()  # retrieved, even if the caller has given up

        self._waiting += 1
        try:
            done = asyncio.get_running_loop().run_in_executor(self._thread, self.run_sync, work)
        except RuntimeError:
            self._waiting -= 1
            raise StorageError("the database is closed") from None
        done.add_done_callback(ended)
        try:
            return await asyncio.wait_for(asyncio.shield(done), self._seconds)
        except TimeoutError:
            raise StorageError(f"the disk took longer than {self._seconds:g} s") from None

    async def aclose(self) -> None:
        """Wait for the transactions that were started, then close."""
        if self._thread is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._connection.close)
        self.close()

    def run_sync(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `work`, run in one transaction and in place; at start-up."""
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
            raise _storage_error(error) from None
        return result


def _storage_error(error: OSError | sqlite3.Error) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return CorruptDatabase(str(error)) if code in CORRUPTION else StorageError(str(error))


def _tables(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return each table's columns: name, type, NOT NULL and position in the primary key."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    columns = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
    return {name: connection.execute(columns, (name,)).fetchall() for (name,) in names}


def _open(path: Path | None, busy_seconds: float) -> sqlite3.Connection:
    if path is not None:
        # Created here: SQLite would make the file readable by others.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    connection = sqlite3.connect(
        path or ":memory:", timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a commit survives a power failure
        connection.execute("PRAGMA secure_delete = ON")  # deleted data is overwritten
    except BaseException:
        connection.close()
        raise
    return connection
