"""Notification of client disconnects by the server, through an extension of the ASGI scope."""

from collections.abc import Callable
from typing import cast

from starlette.types import Scope

DISCONNECT = "gateway.hang_up"
"""Name of the ASGI extension; its `when` is an `OnDisconnect`."""

OnDisconnect = Callable[[Callable[[], None] | None], None]
"""Registers the function to call when the client of the request disconnects; None removes it."""


def disconnect_hook(scope: Scope) -> OnDisconnect | None:
    """Return the registration of the server; None if the server does not report disconnects."""
    extensions = scope.get("extensions")
    server = extensions.get(DISCONNECT) if extensions else None
    return None if server is None else cast("OnDisconnect", server["when"])
