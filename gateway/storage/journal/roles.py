"""What a journal needs of its reader and of its follower."""

from typing import Protocol

from gateway.storage.shared.contract import LogEntry


class Reader(Protocol):
    """Reads the log (`LogReader`)."""

    async def read(self, after: bytes, *, blocks: bool) -> list[LogEntry]:
        """Return the next entries. Raises `ServerUnreachable`."""

    async def aclose(self) -> None:
        """Close the connection."""


class Follower(Protocol):
    """Applies the journal; no method awaits."""

    def apply(self, entry: LogEntry, *, own: bool) -> None:
        """Apply an entry; each exactly once and in order."""

    def missed(self) -> None:
        """Take note that entries were missed."""
