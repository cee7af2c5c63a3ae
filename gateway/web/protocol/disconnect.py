"""Hearing of a client that hangs up, without listening: a server says so through the scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from starlette.types import Scope

DISCONNECT = "gateway.hang_up"
"""ASGI extension: its `when` is a `OnDisconnect`."""

OnDisconnect = Callable[[Callable[[], None] | None], None]
"""Takes what to do when the client of this request hangs up, or None."""


def disconnect_hook(scope: Scope) -> OnDisconnect | None:
    """Where to say what to do when the client hangs up; None where the server cannot tell."""
    extensions = scope.get("extensions")
    server = extensions.get(DISCONNECT) if extensions else None
    return None if server is None else cast("OnDisconnect", server["when"])
