"""The close of a connection that was refused, late enough for its client to read why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from gateway.server.http1.limits import ConnectionCounter

_LINGER_SECONDS = 1.0
"""Seconds for which a connection that was refused may still read why."""


def close_lingering(
    loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, counter: ConnectionCounter
) -> None:
    """Close the sending side now and the whole a second later (RFC 9112, 9.6).

    Where too many connections linger already, `transport` is closed at once.
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
