"""Limits of size, time and memory for one connection and for all of them together."""

from collections import Counter
from dataclasses import dataclass

SURPLUS = 1024 * 1024
"""Bytes read beyond the body limit, so that the sender can receive the error response."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of time, in seconds, and of size, in bytes or by number."""

    head_timeout: float = 5.0
    """From the first byte of a request, or the connection's start, to the end of its headers."""
    body_timeout: float = 10.0
    """From the end of the headers to the end of the body."""
    write_timeout: float = 10.0
    """The longest time for which a client may leave a response unread."""
    keep_alive_timeout: float = 5.0
    """From a response to the first byte of the next request."""
    max_head_bytes: int = 64 * 1024
    """Size of one request's head."""
    max_framing_bytes: int = 16 * 1024
    """Size of one request's chunk framing and trailers together."""
    max_headers: int = 100
    """Number of header fields of one request."""
    max_target_bytes: int = 8 * 1024
    """Size of the URL in a request line."""
    max_body_bytes: int = 128 * 1024
    """Size of one body; of a larger one, one more byte is kept to mark the excess."""
    max_connections: int = 1_000
    """Number of connections in total."""
    max_per_address: int = 256
    """Number of connections from one address."""
    max_held_bytes: int = 64 * 1024 * 1024
    """Size of incomplete requests and unread responses of all connections together."""
    max_lingering: int = 128
    """Number of connections that stay open after their last response, for the client to read it."""


class ConnectionCounter:
    """Counts open connections and the bytes held for them."""

    def __init__(self, patience: ConnectionLimits) -> None:
        self._patience = patience
        self._from: Counter[str] = Counter()
        self.open = 0
        """Open connections."""
        self.held_bytes = 0
        """Bytes of unfinished requests and unread responses."""
        self._lingering = 0
        self.refused = 0
        """Connections that exceeded a limit."""

    def acquire(self, address: str) -> bool:
        """Count one more connection; return False if it would exceed a limit."""
        most = self._patience
        if self.open >= most.max_connections or self._from[address] >= most.max_per_address:
            self.refused += 1
            return False
        self.open += 1
        self._from[address] += 1
        return True

    def release(self, address: str) -> None:
        """Count one connection from `address` less."""
        self.open -= 1
        self._from[address] -= 1
        if not self._from[address]:
            del self._from[address]

    def hold(self, more: int) -> bool:
        """Add `more` bytes (negative: fewer) to those held; return whether the limit is kept."""
        self.held_bytes += more
        return more <= 0 or self.held_bytes <= self._patience.max_held_bytes

    def linger(self) -> bool:
        """Count one more lingering connection; return False if it would exceed the limit."""
        if self._lingering >= self._patience.max_lingering:
            return False
        self._lingering += 1
        return True

    def lingered(self) -> None:
        """Count one lingering connection less."""
        self._lingering -= 1


class ConnectionSlot:
    """One connection's share of the connection count and of the bytes held."""

    def __init__(self, crowd: ConnectionCounter) -> None:
        self._crowd = crowd
        self._address = ""
        self.taken = False
        """True while the connection is counted: from its acceptance to its end or rejection."""
        self.held = 0
        """Bytes counted as held for the connection."""

    def acquire(self, address: str) -> bool:
        """Count the connection; return False if a limit is reached."""
        self._address = address
        self.taken = self._crowd.acquire(address)
        return self.taken

    def hold(self, held: int) -> bool:
        """Set the bytes held for the connection; return whether the total limit is kept."""
        more, self.held = held - self.held, held
        return self._crowd.hold(more)

    def release(self) -> None:
        """Release the connection's count and its held bytes."""
        if self.taken:
            self._crowd.release(self._address)
            self.taken = False
        self.hold(0)
