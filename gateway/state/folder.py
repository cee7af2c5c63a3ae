"""Where the gateway keeps what must outlive it: a folder with a secret and a database."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.state.database import Database, Unkept

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class State:
    """What the gateway remembers between two starts, or makes do with instead."""

    database: Database
    secret: bytes = field(repr=False)
    """Keys the hashes that tell callers apart; the same after a restart, if kept."""
    trusted: bool = True
    """Whether a write may rest on what is recorded here being there after a restart."""


def kept_in(folder: Path) -> State:
    """The state in `folder`, made if it is not there. Raises `Unkept`, for operators to read."""
    try:
        folder = folder.expanduser()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = _secret(folder / "secret")
    except (OSError, RuntimeError) as error:  # the latter where nobody knows what ~ is
        raise Unkept(f"{folder}: {getattr(error, 'strerror', None) or error}") from None
    try:
        return State(Database(folder / "state.sqlite3"), secret)
    except Unkept as reason:
        raise Unkept(f"{folder}: {reason}") from None


def in_memory(*, trusted: bool) -> State:
    """A state that ends with the process.

    `trusted` where nothing it is about outlives the process either: the demo, and tests.
    """
    return State(Database(), secrets.token_bytes(SECRET_BYTES), trusted=trusted)


def _secret(path: Path) -> bytes:
    """The secret in the file. Written beside and linked: nobody ever reads half of one."""
    with contextlib.suppress(FileNotFoundError):
        return _whole(path)
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
    return _whole(path)


def _whole(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise OSError(f"{path.name} does not hold {SECRET_BYTES} bytes: delete it to begin anew")
    return secret
