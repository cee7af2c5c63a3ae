"""What each rule of promises.yaml finds, and what it leaves alone. Read by semgrep, never run."""

import asyncio
import time
from hmac import compare_digest


def rows(database, caller):
    # ruleid: sql-is-constant
    database.execute(f"SELECT id FROM intents WHERE caller = {caller}")
    # ruleid: sql-is-constant
    database.execute("SELECT id FROM intents WHERE caller = %s" % caller)
    # ok: sql-is-constant
    database.execute("SELECT id FROM intents WHERE caller = ?", (caller,))


def log(_log, credential):
    # ruleid: no-credential-in-a-log-line
    _log.warning("refused: %s", credential.value)
    # ok: no-credential-in-a-log-line
    _log.warning("refused: %s", credential.hash)


def proves(signature, expected):
    # ruleid: secrets-are-compared-in-constant-time
    if signature == expected:
        return True
    # ok: secrets-are-compared-in-constant-time
    return compare_digest(signature, expected)


def fresh(at, now):
    # ruleid: time-is-an-argument
    if time.monotonic() - at < 30:
        return True
    # ok: time-is-an-argument
    return now - at < 30


async def ask(transport, request):
    # ruleid: a-request-on-the-wire-is-not-cancelled
    await asyncio.wait_for(transport.send(request), 3)
    # ok: a-request-on-the-wire-is-not-cancelled
    return await asyncio.shield(transport.send(request))
