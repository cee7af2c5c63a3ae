"""The state directory: a secret and a database that outlive the process."""

import contextlib
import os
import secrets
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from gateway.storage import credentials as credential_store
from gateway.storage.database import CorruptDatabase, Database, StorageError

SECRET_BYTES = 32
_SECRET, _DATABASE = "secret", "state.sqlite3"
_OTHERS = 0o077
"""The permission bits of the group and of all others."""


@dataclass(frozen=True, slots=True)
class State:
    """The gateway's state across restarts, or its replacement in memory."""

    database: Database
    secret: bytes = field(repr=False)
    """The key of the hashes that identify callers; the same after a restart if `durable`."""
    folder: Path | None = None
    durable: bool = True
    """Whether a write may rely on records here being present after a restart."""


def open_state_dir(folder: Path, tables: str) -> State:
    """Open the state in `folder`, which is created if missing.

    Raises `StorageError`, whose message is for operators. Files that others could read or have
    placed there are refused; a corrupt database is renamed. `tables`: statements that create those
    of another package if they do not exist.
    """
    try:
        folder = folder.expanduser()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (folder, folder / _SECRET, folder / _DATABASE):
            _check_private(path)
        secret = _load_secret(folder / _SECRET)
    except (OSError, RuntimeError) as error:  # RuntimeError: ~ cannot be resolved
        raise StorageError(f"{folder}: {getattr(error, 'strerror', None) or error}") from None
    try:
        return State(_open_database(folder / _DATABASE, tables), secret, folder)
    except CorruptDatabase as reason:
        aside = _put_aside(folder / _DATABASE)
        raise StorageError(
            f"{folder}: {reason}; it was renamed to {aside}; the next start creates a new one"
        ) from None
    except StorageError as reason:
        raise StorageError(f"{folder}: {reason}") from None


def _open_database(path: Path, tables: str) -> Database:
    """Open the database and check its pages and tables. Raises `CorruptDatabase`."""
    database = Database(path)
    try:
        database.check()
        database.prepare(tables)
        database.prepare(credential_store.TABLES)
    except BaseException:
        database.close()
        raise
    return database


def _put_aside(path: Path) -> str:
    """Rename a corrupt database and its WAL files; return the new name."""
    aside = f"{path.name}.damaged-{time.time_ns()}"
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).rename(path.with_name(aside + suffix))
    return aside


def _check_private(path: Path) -> None:
    """Raise an `OSError` if the path exists and others than the gateway's user have access."""
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
        mode_needed = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise OSError(f"{path.name} is open to others (mode {mode:04o}): chmod {mode_needed} it")


def in_memory(*, trusted: bool) -> State:
    """Return a state that ends with the process.

    `trusted` if the data that it describes ends with the process too: the demo, and tests.
    """
    return State(Database(), secrets.token_bytes(SECRET_BYTES), durable=trusted)


def _load_secret(path: Path) -> bytes:
    """Return the secret in the file; create it atomically, by a link, if missing."""
    with contextlib.suppress(FileNotFoundError):
        return _read_secret(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: use its secret
            os.link(temporary, path)
    finally:
        temporary.unlink()
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise OSError(
            f"{path.name} does not hold {SECRET_BYTES} bytes: delete it to create a new one"
        )
    return secret
