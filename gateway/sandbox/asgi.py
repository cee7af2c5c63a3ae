"""The ASGI messages of the sandbox."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Send

from gateway.sandbox.faults import ConnectionDropped


async def run_lifespan(receive: Receive, send: Send) -> None:
    """Acknowledge the server's lifespan events."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def send_response(  # noqa: PLR0913 - a response and its faults
    send: Send,
    status: int,
    content: bytes,
    headers: dict[str, str],
    *,
    cut: int | None = None,
    drip: int = 0,
) -> None:
    """Send a response: `cut` stops after so many bytes, `drip` sends so many every 100 ms."""
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    if cut is not None:
        await send({"type": "http.response.body", "body": content[:cut], "more_body": True})
        raise ConnectionDropped
    for begin in range(0, len(content), drip) if drip else ():
        piece = content[begin : begin + drip]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0.1)
    await send({"type": "http.response.body", "body": b"" if drip else content})


async def drop(send: Send) -> None:
    """Begin a response and raise `ConnectionDropped`; otherwise the server would send 500."""
    await send_response(send, 200, b"-", {}, cut=0)
