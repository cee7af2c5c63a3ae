"""The credentials that the API accepted in the last 24 hours, kept across restarts."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import partial

from gateway.storage.database import Database, StorageError

DAY = 86_400.0
"""Seconds for which one success proves a credential."""
MOST = 100_000
"""Credentials loaded; if there are more, the latest."""

TABLES = "CREATE TABLE IF NOT EXISTS proven (credential TEXT PRIMARY KEY, at REAL NOT NULL)"
_log = logging.getLogger(__name__)


class SQLiteCredentialStore:
    """Keyed hashes of credentials and when they were last accepted; never the credentials.

    A failed write is logged once and not repeated: after a restart such a credential is unverified,
    like a new one. `now` returns Unix seconds.
    """

    def __init__(self, database: Database, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self._pending: dict[str, float | None] = {}
        self._writing: asyncio.Task[None] | None = None
        self._failing = False
        database.prepare(TABLES)

    def load(self) -> Mapping[str, float]:
        """Return those proven within 24 hours, with the seconds since then."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> list[tuple[str, float]]:
            connection.execute("DELETE FROM proven WHERE at <= ?", (now - DAY,))
            latest = "SELECT credential, at FROM proven ORDER BY at DESC LIMIT ?"
            return connection.execute(latest, (MOST,)).fetchall()

        return {credential: max(0.0, now - at) for credential, at in self._database.run_sync(work)}

    def remember(self, credential: str) -> None:
        """Record that the API accepted the credential now."""
        self._record(credential, self._now())

    def forget(self, credential: str) -> None:
        """Record that the API rejected the credential now."""
        self._record(credential, None)

    def _record(self, credential: str, at: float | None) -> None:
        self._pending[credential] = at
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        """Write all pending changes, in one transaction after the other."""
        try:
            while self._pending:
                changes, self._pending = self._pending, {}
                await self._database.run(partial(_save, changes))
                self._failing = False
        except StorageError as reason:
            if not self._failing:
                _log.warning("accepted credentials cannot be stored: %s", reason)
            self._failing = True
        finally:
            self._writing = None


def _save(changes: Mapping[str, float | None], connection: sqlite3.Connection) -> None:
    for credential, at in changes.items():
        if at is None:
            connection.execute("DELETE FROM proven WHERE credential = ?", (credential,))
        else:
            connection.execute("INSERT OR REPLACE INTO proven VALUES (?, ?)", (credential, at))
