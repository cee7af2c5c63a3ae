"""How a connection is made: names resolved, the quickest address taken, TLS spoken."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from aiohappyeyeballs import start_connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.transport.connection import HTTPConnection
    from gateway.transport.serializer import Origin

HEAD_START = 0.25
"""Seconds an address has before the next one is tried beside it (RFC 8305, section 8)."""


class Connector:
    """Makes connections, and trusts whom the machine trusts (`SSL_CERT_FILE`, `SSL_CERT_DIR`)."""

    async def __call__(self, origin: Origin, make: Callable[[], HTTPConnection]) -> HTTPConnection:
        """A connection that stands. Raises `OSError`: there is none; nothing was sent."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        # Not left to the loop: uvloop tries one address after the other.
        connected = await start_connection(found, happy_eyeballs_delay=HEAD_START, interleave=1)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await loop.create_connection(
                make,
                sock=connected,
                ssl=self._trust if origin.secure else None,
                server_hostname=origin.host if origin.secure else None,
            )
        except BaseException:
            with contextlib.suppress(OSError):  # the loop may have closed it already
                connected.close()
            raise
        return connection

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return create_ssl_context()


def create_ssl_context() -> ssl.SSLContext:
    """Whom the machine trusts; where it names nobody, whom certifi does."""
    named = _named(ssl.get_default_verify_paths())
    context = ssl.create_default_context() if named else httpx.create_ssl_context(trust_env=False)
    context.hostname_checks_common_name = False  # RFC 9110, 4.3.4
    context.set_alpn_protocols(["http/1.1"])
    return context


def _named(paths: ssl.DefaultVerifyPaths) -> bool:
    return bool(paths.cafile) or (bool(paths.capath) and any(Path(paths.capath).iterdir()))
