"""Records of creates with an idempotency key: written before sending, kept for a day.

Of a client only its id is stored: a caller that repeats the create sends its fields again, and gets
the client in its current state. A day has passed when the machine's clock says so and the gateway
has run for a day by a monotonic clock: no clock adjustment makes a key expire.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gateway.storage.database import Database, StorageError
from schema.source.writes import Confirmation

KEPT_SECONDS = 24 * 60 * 60
HOUR = 60 * 60
"""Seconds between two deletions of expired records."""


TABLES = """
CREATE TABLE IF NOT EXISTS creates (
  name BLOB PRIMARY KEY,        -- hash of caller and key
  caller TEXT NOT NULL,         -- the caller's identity, a hash
  payload BLOB NOT NULL,        -- hash of the request
  attempt TEXT NOT NULL,        -- the attempt id in logs and responses
  began REAL NOT NULL,          -- Unix seconds
  until REAL NOT NULL,          -- the latest time at which sending ended
  counted REAL NOT NULL,        -- the gateway's uptime in seconds at that time
  client TEXT,                  -- the id of the created client, once known
  confirmed_by TEXT,
  UNIQUE (caller, client)       -- one create makes one client
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS creates_by_age ON creates (counted);
CREATE TABLE IF NOT EXISTS running (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seconds REAL NOT NULL         -- the gateway's uptime over all its processes
);
INSERT OR IGNORE INTO running VALUES (1, 0.0);
"""

_ALL = "SELECT name, caller, payload, attempt, began, until, client, confirmed_by FROM creates"
_ONE = _ALL + " WHERE name = ?"


class CreatedClient(NamedTuple):
    """The client that a create made."""

    client: str
    """The client's id."""
    confirmed_by: Confirmation


class IdempotencyRecord(NamedTuple):
    """A create with a key; keys and payloads are stored as hashes."""

    name: bytes
    caller: str
    payload: bytes
    attempt: str
    began: float
    send_ended_by: float
    created: CreatedClient | None = None
    """None: its outcome is unknown."""


class IdempotencyStore:
    """The records in one database. Every method raises `StorageError` if it failed.

    `uptime` returns seconds of a monotonic clock; `now` returns Unix seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        uptime: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._now = now
        self._uptime = uptime
        self._counted_to = uptime()
        database.prepare(TABLES)
        database.run_sync(self._expire)

    async def begin(self, intent: IdempotencyRecord) -> IdempotencyRecord | None:
        """Store `intent`; if a record of its name exists, return that instead."""

        def record(connection: sqlite3.Connection) -> IdempotencyRecord | None:
            self._expire(connection)
            found = connection.execute(_ONE, (intent.name,)).fetchone()
            if found is not None:
                return _existing(found)
            connection.execute(
                "INSERT INTO creates (name, caller, payload, attempt, began, until, counted)"
                " VALUES (?, ?, ?, ?, ?, ?, (SELECT seconds FROM running))",
                intent[:6],
            )
            return None

        return await self._database.run(record)

    async def done(self, intent: IdempotencyRecord, created: CreatedClient) -> None:
        """Record the created client. Raises if it is recorded for another create."""
        await self._change(
            "UPDATE creates SET client = ?, confirmed_by = ? WHERE name = ?",
            created.client,
            created.confirmed_by.value,
            intent.name,
        )

    async def ended(self, intent: IdempotencyRecord, at: float, attempt: str) -> None:
        """Record that sending ended at `at` with unknown outcome, and the attempt id in the log."""
        await self._change(
            "UPDATE creates SET until = ?, attempt = ? WHERE name = ?", at, attempt, intent.name
        )

    async def delete(self, intent: IdempotencyRecord) -> None:
        """Delete a record whose create made no client and will make none."""
        await self._change("DELETE FROM creates WHERE name = ?", intent.name)

    async def _change(self, statement: str, *values: object) -> None:
        await self._database.run(lambda connection: connection.execute(statement, values))

    async def clients_of(self, caller: str) -> frozenset[str]:
        """Return the ids of the clients that this caller's creates made."""
        rows = await self._database.run(
            lambda connection: connection.execute(
                "SELECT client FROM creates WHERE caller = ? AND client IS NOT NULL", (caller,)
            ).fetchall()
        )
        return frozenset(id for (id,) in rows)

    async def kept(self) -> list[IdempotencyRecord]:
        """Return all records."""
        rows = await self._database.run(lambda connection: connection.execute(_ALL).fetchall())
        return [_existing(row) for row in rows]

    async def expire(self) -> None:
        """Delete the records that are a day old."""
        await self._database.run(self._expire)

    async def expire_hourly(self) -> None:
        """Delete expired records every hour, until cancelled."""
        while True:
            await asyncio.sleep(HOUR)
            with contextlib.suppress(StorageError):  # the next create reports it
                await self.expire()

    def _expire(self, connection: sqlite3.Connection) -> None:
        now = self._uptime()
        connection.execute("UPDATE running SET seconds = seconds + ?", (now - self._counted_to,))
        self._counted_to = now
        connection.execute(
            "DELETE FROM creates WHERE counted <= (SELECT seconds FROM running) - ? AND began <= ?",
            (KEPT_SECONDS, self._now() - KEPT_SECONDS),
        )


def _existing(row: Sequence[Any]) -> IdempotencyRecord:
    """Return the record; raise if it cannot be parsed, as of a later version."""
    *columns, client, confirmed_by = row
    try:
        created = None if client is None else CreatedClient(client, Confirmation(confirmed_by))
    except ValueError:
        raise StorageError("a record is damaged") from None
    return IdempotencyRecord._make((*columns, created))
