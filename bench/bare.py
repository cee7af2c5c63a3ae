"""A bare ASGI server that repeats our own answers: what no gateway on it can pass."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


@cache
def _answer(target: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    body = (Path(os.environ["ANSWERS"]) / target.strip("/")).read_bytes()
    return [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ], body


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the request whole and answer the file its path names."""
    message = await receive()
    if scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    while message.get("more_body"):
        message = await receive()
    headers, body = _answer(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
