"""Where the gateway keeps what must outlive it: a folder with a secret and a database."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.storage import credentials as proven
from gateway.storage.database import Damaged, Database, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gateway.storage.database import Tables

SECRET_BYTES = 32
_SECRET, _DATABASE = "secret", "state.sqlite3"
_OTHERS = 0o077
"""What the group and all others may do."""


@dataclass(frozen=True, slots=True)
class State:
    """What the gateway remembers between two starts, or makes do with instead."""

    database: Database
    secret: bytes = field(repr=False)
    """Keys the hashes that tell callers apart; the same after a restart, if kept."""
    durable: bool = True
    """Whether a write may rest on what is recorded here being there after a restart."""


def open_state_dir(folder: Path, *tables: Tables) -> State:
    """The state in `folder`, made if it is not there. Raises `Unkept`, for operators to read.

    What others could read or have put there is refused; a damaged database is put aside.
    `tables`: those that other packages keep there, made or migrated if need be.
    """
    try:
        folder = folder.expanduser()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (folder, folder / _SECRET, folder / _DATABASE):
            _private(path)
        secret = _secret(folder / _SECRET)
    except (OSError, RuntimeError) as error:  # the latter where it is unknown what ~ is
        raise StorageError(f"{folder}: {getattr(error, 'strerror', None) or error}") from None
    try:
        return State(_checked(folder / _DATABASE, tables), secret)
    except Damaged as reason:
        aside = _put_aside(folder / _DATABASE)
        raise StorageError(
            f"{folder}: {reason}; it is kept as {aside}, and a start begins a new one"
        ) from None
    except StorageError as reason:
        raise StorageError(f"{folder}: {reason}") from None


def _checked(path: Path, tables: Iterable[Tables]) -> Database:
    """The database, all of whose pages and tables are sound. Raises `Damaged`."""
    database = Database(path)
    try:
        database.check()
        for each in tables:
            database.prepare(each.sql)
        database.prepare(proven.TABLES)
        for each in tables:
            database.run_sync(each.migrate)
    except BaseException:
        database.close()
        raise
    return database


def _put_aside(path: Path) -> str:
    """Rename a damaged database, with what belongs to it; the name that it has now."""
    aside = f"{path.name}.damaged-{time.time_ns()}"
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).rename(path.with_name(aside + suffix))
    return aside


def _private(path: Path) -> None:
    """Raise an `OSError` for what is there already and not for the gateway's user alone."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise OSError(f"{path.name} is a symbolic link")
    if found.st_uid != os.geteuid():
        raise OSError(f"{path.name} belongs to another user")
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS:
        right = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise OSError(f"{path.name} is open to others (mode {mode:04o}): chmod {right} it")


def in_memory(*, trusted: bool) -> State:
    """A state that ends with the process.

    `trusted` where nothing it is about outlives the process either: the demo, and tests.
    """
    return State(Database(), secrets.token_bytes(SECRET_BYTES), durable=trusted)


def _secret(path: Path) -> bytes:
    """The secret in the file. Written beside and linked: nobody ever reads half of one."""
    with contextlib.suppress(FileNotFoundError):
        return _read_secret(path)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its secret is ours
            os.link(beside, path)
    finally:
        beside.unlink()
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise OSError(
            f"{path.name} does not hold {SECRET_BYTES} bytes: delete it to begin with a new one"
        )
    return secret
