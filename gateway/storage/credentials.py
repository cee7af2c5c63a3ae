"""The credentials the API accepted in the last 24 hours, known again after a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from gateway.storage.database import StorageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from gateway.storage.database import Database

DAY = 86_400.0
"""Seconds for which one success proves a credential."""
MOST = 100_000
"""Credentials known again; of more, the latest."""

TABLES = "CREATE TABLE IF NOT EXISTS proven (credential TEXT PRIMARY KEY, at REAL NOT NULL)"
_log = logging.getLogger(__name__)


class SQLiteCredentialStore:
    """Keyed hashes of credentials and when they were last accepted; never the credentials.

    What could not be written is logged once and let be: such a credential is tried again after
    a restart, like a new one. `now` is in Unix seconds.
    """

    def __init__(self, database: Database, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self._pending: dict[str, float | None] = {}
        self._writing: asyncio.Task[None] | None = None
        self._failing = False
        database.prepare(TABLES)

    def load(self) -> Mapping[str, float]:
        """Those proven within the last 24 hours, with the seconds since then."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> list[tuple[str, float]]:
            connection.execute("DELETE FROM proven WHERE at <= ?", (now - DAY,))
            latest = "SELECT credential, at FROM proven ORDER BY at DESC LIMIT ?"
            return connection.execute(latest, (MOST,)).fetchall()

        return {credential: max(0.0, now - at) for credential, at in self._database.run_sync(work)}

    def remember(self, credential: str) -> None:
        """It was accepted just now."""
        self._note(credential, self._now())

    def forget(self, credential: str) -> None:
        """It was refused just now."""
        self._note(credential, None)

    def _note(self, credential: str, at: float | None) -> None:
        self._pending[credential] = at
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        """Write what is pending, however much has gathered, in one transaction after the other."""
        try:
            while self._pending:
                notes, self._pending = self._pending, {}
                await self._database.run(partial(_put, notes))
                self._failing = False
        except StorageError as reason:
            if not self._failing:
                _log.warning("which credentials the API accepts is not kept: %s", reason)
            self._failing = True
        finally:
            self._writing = None


def _put(notes: Mapping[str, float | None], connection: sqlite3.Connection) -> None:
    for credential, at in notes.items():
        if at is None:
            connection.execute("DELETE FROM proven WHERE credential = ?", (credential,))
        else:
            connection.execute("INSERT OR REPLACE INTO proven VALUES (?, ?)", (credential, at))
