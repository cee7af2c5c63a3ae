"""Close a connection late enough for the client to read the last response (RFC 9112, 9.6)."""

import asyncio
from collections.abc import Callable

from gateway.server.http1.limits import ConnectionCounter

_LINGER_SECONDS = 1.0
"""Seconds for which a connection stays open for the client to read and close."""


class LingeringClose:
    """Closes the sending side of one connection at once, and the connection later.

    A connection that is closed while bytes from the client are unread is reset, and the client may
    lose the response.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, counter: ConnectionCounter) -> None:
        self._loop = loop
        self._counter = counter
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport, end: Callable[[], None]) -> None:
        """Call `end` in a second; close `transport` now if too many connections linger already."""
        if self._timer is not None or transport.is_closing():
            return
        if not self._counter.linger():
            transport.close()
            return
        if transport.can_write_eof():
            transport.write_eof()
        self._timer = self._loop.call_later(_LINGER_SECONDS, end)

    def ended(self) -> None:
        """Stop counting the connection: it is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._counter.lingered()
