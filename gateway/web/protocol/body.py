"""The body of a request, read off ASGI messages, and how much of it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.web.protocol.content import too_large

if TYPE_CHECKING:
    from starlette.types import Message, Receive

DRAIN_BYTES = 1024 * 1024
"""Bytes that a body too large is read on for, so that its sender hears of it."""


class ClientLeft(Exception):
    """The client went away before its request had arrived."""


def prepend(first: Message, receive: Receive) -> Receive:
    """What there is to receive, `first` included."""
    waiting = [first]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


async def read_body(receive: Receive, most: int) -> bytes:
    """All of a body of at most `most` bytes. Raises `BadRequest` or `ClientLeft`."""
    body, length = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece, more = message.get("body", b""), message.get("more_body", False)
        length += len(piece)
        if length <= most:
            body += piece
        # Whoever is still sending does not listen: a little more is read, and dropped.
        if length > most and (not more or length > most + DRAIN_BYTES):
            raise too_large(most)
        if not more:
            return bytes(body)
