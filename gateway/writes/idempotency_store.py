"""What was going to be created under which key: written down before sending, kept for a day.

Of a client only its id is kept: a caller that repeats the create brings its fields along, and is
shown the client as it is now. A day has passed when the machine's clock says so and the gateway has
run for a day by a clock that cannot be set: no step of the one lets a key expire.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.storage.database import StorageError, Tables
from schema.source.records import Confirmation

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from gateway.storage.database import Database


KEPT_SECONDS = 24 * 60 * 60
HOUR = 60 * 60
"""Seconds between two deletions of what has expired."""


def _migrate(connection: sqlite3.Connection) -> None:
    """Take over what is needed of the table of an earlier version, which held whole clients."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'intents'").fetchone():
        connection.execute(
            "INSERT OR IGNORE INTO creates SELECT name, caller, payload, attempt, began, until,"
            " (SELECT seconds FROM running), client, confirmed_by FROM intents"
        )
        connection.execute("DROP TABLE intents")


TABLES = Tables(
    """
CREATE TABLE IF NOT EXISTS creates (
  name BLOB PRIMARY KEY,        -- hash of caller and key
  caller TEXT NOT NULL,         -- the caller's identity, a hash
  payload BLOB NOT NULL,        -- hash of what was sent
  attempt TEXT NOT NULL,        -- its name in logs and answers
  began REAL NOT NULL,          -- Unix seconds
  until REAL NOT NULL,          -- when it had ended at the latest
  counted REAL NOT NULL,        -- seconds this gateway had run by then
  client TEXT,                  -- the id of what came of it, once known
  confirmed_by TEXT,
  UNIQUE (caller, client)       -- a client comes of one create
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS creates_by_age ON creates (counted);
CREATE TABLE IF NOT EXISTS running (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seconds REAL NOT NULL         -- how long the gateway has run, all its processes together
);
INSERT OR IGNORE INTO running VALUES (1, 0.0);
""",
    _migrate,
)


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """A create requested by a key; hashes stand for the caller's own words."""

    name: bytes
    caller: str
    payload: bytes
    attempt: str
    began: float
    send_ended_by: float


@dataclass(frozen=True, slots=True)
class CreatedClient:
    """What came of a create."""

    client: str
    """Its id."""
    confirmed_by: Confirmation


@dataclass(frozen=True, slots=True)
class ExistingRecord:
    """What is on record under the same name; without `made` it is unknown what came of it."""

    record: IdempotencyRecord
    created: CreatedClient | None


class IdempotencyStore:
    """The records in one database. Every method raises `Unkept` where it cannot be relied on.

    `uptime` counts seconds and cannot be set; `now` is in Unix seconds.
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
        database.prepare(TABLES.sql)
        database.run_sync(self._expire)

    async def begin(self, intent: IdempotencyRecord) -> ExistingRecord | None:
        """Record `intent`, unless there is one of its name: then that is returned instead."""

        def record(connection: sqlite3.Connection) -> ExistingRecord | None:
            self._expire(connection)
            found = connection.execute(
                "SELECT name, caller, payload, attempt, began, until, client, confirmed_by"
                " FROM creates WHERE name = ?",
                (intent.name,),
            ).fetchone()
            if found is not None:
                return ExistingRecord(IdempotencyRecord(*found[:6]), _made(*found[6:]))
            connection.execute(
                "INSERT INTO creates (name, caller, payload, attempt, began, until, counted)"
                " VALUES (?, ?, ?, ?, ?, ?, (SELECT seconds FROM running))",
                (
                    intent.name,
                    intent.caller,
                    intent.payload,
                    intent.attempt,
                    intent.began,
                    intent.send_ended_by,
                ),
            )
            return None

        return await self._database.run(record)

    async def done(self, intent: IdempotencyRecord, made: CreatedClient) -> None:
        """Record what came of it. Refused when that client is on record as another create's."""
        row = (made.client, made.confirmed_by.value, intent.name)
        await self._database.run(
            lambda connection: connection.execute(
                "UPDATE creates SET client = ?, confirmed_by = ? WHERE name = ?", row
            )
        )

    async def ended(self, intent: IdempotencyRecord, at: float, attempt: str) -> None:
        """Record that its sending is over, under which name in the log, and with what end: none."""
        await self._database.run(
            lambda connection: connection.execute(
                "UPDATE creates SET until = ?, attempt = ? WHERE name = ?",
                (at, attempt, intent.name),
            )
        )

    async def delete(self, intent: IdempotencyRecord) -> None:
        """Strike it: nothing came of it, and nothing will."""
        await self._database.run(
            lambda connection: connection.execute(
                "DELETE FROM creates WHERE name = ?", (intent.name,)
            )
        )

    async def clients_of(self, caller: str) -> frozenset[str]:
        """The ids of what came of this caller's creates."""
        rows = await self._database.run(
            lambda connection: connection.execute(
                "SELECT client FROM creates WHERE caller = ? AND client IS NOT NULL", (caller,)
            ).fetchall()
        )
        return frozenset(id for (id,) in rows)

    async def expire(self) -> None:
        """Delete what has been on record for a day."""
        await self._database.run(self._expire)

    async def expire_hourly(self) -> None:
        """Do so every hour, until cancelled."""
        while True:
            await asyncio.sleep(HOUR)
            with contextlib.suppress(StorageError):  # the next create says so
                await self.expire()

    def _expire(self, connection: sqlite3.Connection) -> None:
        now = self._uptime()
        connection.execute("UPDATE running SET seconds = seconds + ?", (now - self._counted_to,))
        self._counted_to = now
        connection.execute(
            "DELETE FROM creates WHERE counted <= (SELECT seconds FROM running) - ? AND began <= ?",
            (KEPT_SECONDS, self._now() - KEPT_SECONDS),
        )


def _made(client: str | None, confirmed_by: str | None) -> CreatedClient | None:
    """What came of it; one that a later version of us can no longer read is not relied on."""
    if client is None:
        return None
    try:
        return CreatedClient(client, Confirmation(confirmed_by))
    except ValueError:
        raise StorageError("a record is damaged") from None
