"""Close a rejected connection late enough for the client to read the error response."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from gateway.server.http1.limits import ConnectionCounter

_LINGER_SECONDS = 1.0
"""Seconds for which a rejected connection stays open for the client to read."""


def close_lingering(
    loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, counter: ConnectionCounter
) -> None:
    """Close the sending side now and the connection a second later (RFC 9112, 9.6).

    If too many connections linger already, close `transport` immediately.
    """
    if not counter.linger():
        transport.close()
        return
    if transport.can_write_eof():
        transport.write_eof()

    def part() -> None:
        counter.lingered()
        transport.abort()

    loop.call_later(_LINGER_SECONDS, part)
