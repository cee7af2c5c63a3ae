"""Reads request bodies of limited size from ASGI messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.web.protocol.content import too_large

if TYPE_CHECKING:
    from starlette.types import Message, Receive

DRAIN_BYTES = 1024 * 1024
"""Bytes read and dropped of a body that is too large, so that its sender receives the 413."""


class ClientLeft(Exception):
    """The client disconnected before its request was fully received."""


def prepend(first: Message, receive: Receive) -> Receive:
    """Return a `receive` that yields `first` before the messages of the given one."""
    waiting = [first]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


async def read_body(receive: Receive, most: int) -> bytes:
    """Read a body of at most `most` bytes. Raises `BadRequest` (413) or `ClientLeft`."""
    body, length = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece, more = message.get("body", b""), message.get("more_body", False)
        length += len(piece)
        if length <= most:
            body += piece
        # Many clients read the response only after they have sent the body: drain a part of it.
        if length > most and (not more or length > most + DRAIN_BYTES):
            raise too_large(most)
        if not more:
            return bytes(body)
