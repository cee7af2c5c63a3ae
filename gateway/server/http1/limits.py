"""How much one connection may send, how slowly, and what all of them may hold together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

SURPLUS = 1024 * 1024
"""Bytes that a body too large is read on for, so that its sender hears of it."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long clients may take, in seconds, and how much they may send."""

    head_timeout: float = 5.0
    """From the first byte of a request, or the connection's start, to the end of its headers."""
    body_timeout: float = 10.0
    """From there to the end of the body."""
    write_timeout: float = 10.0
    """For which a client may let an answer wait."""
    keep_alive_timeout: float = 5.0
    """Between an answer and the next request."""
    max_head_bytes: int = 64 * 1024
    """Of one request's head."""
    max_framing_bytes: int = 16 * 1024
    """Of one request, all that is neither its head nor its body: chunk framing and trailers."""
    max_headers: int = 100
    """Header fields of one request."""
    max_target_bytes: int = 8 * 1024
    """Of the URL in a request line."""
    max_body_bytes: int = 128 * 1024
    """Of one body that are kept; what is beyond is dropped, and one byte shows that it was."""
    max_connections: int = 1_000
    """All together."""
    max_per_address: int = 256
    """From one address."""
    max_held_bytes: int = 64 * 1024 * 1024
    """Of unfinished requests and unread answers, all connections together."""
    max_lingering: int = 128
    """Connections that were refused and are still open for their clients to read why."""


class ConnectionCounter:
    """Counts the connections that are open, and the bytes held for them."""

    def __init__(self, patience: ConnectionLimits) -> None:
        self._patience = patience
        self._from: Counter[str] = Counter()
        self._all = 0
        self._held = 0
        self._farewells = 0

    def acquire(self, address: str) -> bool:
        """Count one more connection, unless it would be one too many."""
        if self._all >= self._patience.max_connections:
            return False
        if self._from[address] >= self._patience.max_per_address:
            return False
        self._all += 1
        self._from[address] += 1
        return True

    def release(self, address: str) -> None:
        """Count one less."""
        self._all -= 1
        self._from[address] -= 1
        if not self._from[address]:
            del self._from[address]

    def hold(self, more: int) -> bool:
        """Count so many more bytes as held, or fewer; whether that is within the limit."""
        self._held += more
        return more <= 0 or self._held <= self._patience.max_held_bytes

    def linger(self) -> bool:
        """Count one more refused connection that stays open for a moment; whether it may."""
        if self._farewells >= self._patience.max_lingering:
            return False
        self._farewells += 1
        return True

    def lingered(self) -> None:
        """Count one less of them."""
        self._farewells -= 1


class ConnectionSlot:
    """One connection's place in the crowd, and the bytes held for it."""

    def __init__(self, crowd: ConnectionCounter) -> None:
        self._crowd = crowd
        self._address = ""
        self.taken = False
        """Whether it is counted: not before it is let in, and not once it is over or refused."""
        self.held = 0
        """Bytes counted as held for it."""

    def acquire(self, address: str) -> bool:
        """Take the place, where there is one."""
        self._address = address
        self.taken = self._crowd.acquire(address)
        return self.taken

    def hold(self, held: int) -> bool:
        """Count so many bytes as held for it; whether that is within the limit of all."""
        more, self.held = held - self.held, held
        return self._crowd.hold(more)

    def release(self) -> None:
        """Give the place back, and what is held in it."""
        if self.taken:
            self._crowd.release(self._address)
            self.taken = False
        self.hold(0)
