"""Locks by which a gateway that starts knows which others of its state folder were killed."""

import contextlib
import fcntl
import os
from collections.abc import Collection
from pathlib import Path


class MemberLocks:
    """A file for each gateway of a state folder, locked for as long as its process lives."""

    def __init__(self, folder: Path | None = None) -> None:
        """Keep the files in `folder`; None if the state ends with the process."""
        self._folder = folder
        self._held: dict[Path, int] = {}
        self._ended: list[str] = []

    def enter(self, member: str) -> list[str]:
        """Lock the file of this gateway, once; return those that have ended without a word."""
        if self._folder is None or self._held:
            return self._ended
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._ended = [path.name for path in self._folder.glob("[!.]*") if self._lock(path)]
            new = self._folder / f".{member}"  # no other finds it before it is locked
            if self._lock(new, os.O_CREAT):
                new.rename(self._folder / member)
                self._held[self._folder / member] = self._held.pop(new)
        return self._ended

    def forget(self, members: Collection[str]) -> None:
        """Delete the files of gateways that all others know to be gone."""
        for path in [self._folder / each for each in members] if self._folder else ():
            if (descriptor := self._held.pop(path, None)) is not None:
                with contextlib.suppress(OSError):
                    path.unlink()
                os.close(descriptor)
        self._ended = [each for each in self._ended if each not in members]

    def _lock(self, path: Path, flags: int = 0) -> bool:
        descriptor = os.open(path, os.O_RDWR | flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held[path] = descriptor
        return True
