"""Hearing of a client that hangs up, without listening: a server says so through the scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

HANG_UP = "gateway.hang_up"
"""ASGI extension: its `when` takes what to do when the client hangs up, or None."""


def when_hung_up(scope: Scope, act: Callable[[], None] | None) -> None:
    """Have `act` called if the client of this request hangs up, where the server can tell."""
    extensions = scope.get("extensions")
    server = extensions.get(HANG_UP) if extensions else None
    if server is not None:
        server["when"](act)
