"""The accepted values of the Host header, as protection against DNS rebinding."""

import re
from collections.abc import Iterable

from gateway.web.protocol.head import RequestHead

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Hosts of the loopback interface; they do not depend on a name server."""

_HOST = re.compile(rb"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(?::[0-9]{0,5})?")


class Hosts:
    """The accepted values of the Host header, with any port; without `names`, every value.

    Another site can point its own name at a loopback address, and its page is then of the same
    origin as the gateway: only the Host header differs. IPv6 addresses in `names` have no brackets.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self._names = None if names is None else {_plain(name.encode()) for name in names}

    def allow(self, head: RequestHead) -> bool:
        """Return whether the request has exactly one Host header, and it is accepted."""
        if self._names is None:
            return True
        host = _HOST.fullmatch((head.first(b"host", only=True) or b"").lower())
        return host is not None and _plain(host[1]) in self._names


def _plain(name: bytes) -> bytes:
    return name.lower().strip(b"[]").removesuffix(b".")
