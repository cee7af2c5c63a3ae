"""What the shared state needs of the connection to the server."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class ServerUnreachable(Exception):
    """The server did not reply in time, or replied with an error."""


BEGINNING = b"0-0"
"""The place before all entries of a log."""


class LogEntry(NamedTuple):
    """One entry of the log."""

    place: bytes
    """The server's id of it."""
    number: int
    """Numbers are consecutive."""
    incarnation: str
    time: float
    """The server's time at which it was appended."""
    member: str
    kind: str
    content: bytes
    ended: tuple[str, ...]
    """Names of the flights that it ends."""


class SharedServer(Protocol):
    """Functions in the server, each of which takes at most 50 ms (`ServerConnection`)."""

    @property
    def is_reachable(self) -> bool:
        """Whether the server replied to the last command."""

    async def call_on(
        self, keys: Sequence[str], function: str, *arguments: str | bytes
    ) -> list[bytes]:
        """Return the reply of a function. Raises `ServerUnreachable`."""

    async def is_on_disk(self) -> bool:
        """Return whether what the server replied to is on its disk, or cannot be known to be."""


class Sealing(Protocol):
    """Encryption with keys that the server does not have (`Sealer`)."""

    def seal(self, data: bytes, place: bytes) -> bytes:
        """Encrypt data, which can be decrypted for the same `place` only."""

    def sealed_same(self, data: bytes, place: bytes) -> bytes:
        """Encrypt as `seal`, equal data to equal bytes."""

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt. Raises `ValueError` if these are other data, or of another place."""

    def name(self, *parts: bytes) -> str:
        """Return a keyed hash of these parts, as a name in the server."""
