"""What was going to be created under which key: written down before sending, kept for a day."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from gateway.state.database import Unkept
from schema.source import ClientRecord, Confirmation, Written

if TYPE_CHECKING:
    import sqlite3

    from gateway.state.database import Database

KEPT_SECONDS = 24 * 60 * 60
_TABLE = """
CREATE TABLE IF NOT EXISTS intents (
  name BLOB PRIMARY KEY,        -- hash of caller and key
  caller TEXT NOT NULL,         -- the caller's partition
  payload BLOB NOT NULL,        -- hash of what was sent
  attempt TEXT NOT NULL,        -- its name in logs and answers
  began REAL NOT NULL,          -- Unix seconds
  until REAL NOT NULL,          -- when it had ended at the latest
  client TEXT,                  -- the id of what came of it, once known
  record BLOB,                  -- the client as it was answered
  confirmed_by TEXT,
  UNIQUE (caller, client)       -- a client comes of one create
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS intents_by_age ON intents (began);
"""


@dataclass(frozen=True, slots=True)
class Intent:
    """A create somebody asked for by a key; hashes stand for the caller's own words."""

    name: bytes
    caller: str
    payload: bytes
    attempt: str
    began: float
    until: float


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is on record under the same name; without `written` nobody knows what came of it."""

    intent: Intent
    written: Written | None


class Intents:
    """The records in one database. Every method raises `Unkept` where it cannot be relied on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.prepare(_TABLE)

    async def begin(self, intent: Intent) -> Earlier | None:
        """Record `intent`, unless there is one of its name: then that is returned instead."""

        def record(connection: sqlite3.Connection) -> Earlier | None:
            connection.execute(
                "DELETE FROM intents WHERE began < ?", (intent.began - KEPT_SECONDS,)
            )
            found = connection.execute(
                "SELECT name, caller, payload, attempt, began, until, record, confirmed_by"
                " FROM intents WHERE name = ?",
                (intent.name,),
            ).fetchone()
            if found is not None:
                return Earlier(Intent(*found[:6]), _written(*found[6:]))
            connection.execute(
                "INSERT INTO intents (name, caller, payload, attempt, began, until)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    intent.name,
                    intent.caller,
                    intent.payload,
                    intent.attempt,
                    intent.began,
                    intent.until,
                ),
            )
            return None

        return await self._database.run(record)

    async def done(self, intent: Intent, written: Written) -> None:
        """Record what came of it. Refused when that client is on record as another create's."""
        row = (
            written.record.id,
            msgspec.json.encode(written.record),
            written.confirmed_by.value,
            intent.name,
        )
        await self._database.run(
            lambda connection: connection.execute(
                "UPDATE intents SET client = ?, record = ?, confirmed_by = ? WHERE name = ?", row
            )
        )

    async def ended(self, intent: Intent, at: float, attempt: str) -> None:
        """Record that its sending is over, under which name in the log, and with what end: none."""
        await self._database.run(
            lambda connection: connection.execute(
                "UPDATE intents SET until = ?, attempt = ? WHERE name = ?",
                (at, attempt, intent.name),
            )
        )

    async def withdraw(self, intent: Intent) -> None:
        """Strike it: nothing came of it, and nothing will."""
        await self._database.run(
            lambda connection: connection.execute(
                "DELETE FROM intents WHERE name = ?", (intent.name,)
            )
        )

    async def clients_of(self, caller: str) -> frozenset[str]:
        """The ids of what came of this caller's creates."""
        rows = await self._database.run(
            lambda connection: connection.execute(
                "SELECT client FROM intents WHERE caller = ? AND client IS NOT NULL", (caller,)
            ).fetchall()
        )
        return frozenset(id for (id,) in rows)


def _written(record: bytes | None, confirmed_by: str | None) -> Written | None:
    """The answer on record; one that a later version of us can no longer read counts as none."""
    if record is None:
        return None
    with contextlib.suppress(msgspec.DecodeError, ValueError):
        told = msgspec.json.decode(record, type=ClientRecord)
        return Written(told, Confirmation(confirmed_by), replayed=True)
    raise Unkept("a record is damaged")
