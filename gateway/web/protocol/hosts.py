"""The names that requests may call this gateway by, against DNS rebinding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.web.protocol.head import RequestHead

LOCAL = ("localhost", "127.0.0.1", "::1")
"""What the machine's own loopback addresses are called: no name server has a say in these."""

_HOST = re.compile(rb"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(?::[0-9]{0,5})?")


class Hosts:
    """Which values of the Host header are answered, with any port; without `names` every one is.

    A page of another site can point its own name at a loopback address and is then of the same
    origin: only the name in Host still tells it apart. IPv6 addresses are given without brackets.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self._names = None if names is None else {_plain(name.encode()) for name in names}

    def allow(self, head: RequestHead) -> bool:
        """Whether the request names one of them, once."""
        if self._names is None:
            return True
        host = _HOST.fullmatch((head.first(b"host", only=True) or b"").lower())
        return host is not None and _plain(host[1]) in self._names


def _plain(name: bytes) -> bytes:
    return name.lower().strip(b"[]").removesuffix(b".")
