"""Open connections: resolve names, race addresses (RFC 8305), negotiate TLS."""

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
"""Seconds before the next address is tried in parallel (RFC 8305, section 8)."""


class Connector:
    """Opens connections, with the trust store of the machine (`SSL_CERT_FILE`, `SSL_CERT_DIR`)."""

    async def __call__(
        self, origin: Origin, factory: Callable[[], HTTPConnection]
    ) -> HTTPConnection:
        """Open a connection to `origin`. Raises `OSError` on failure; nothing was sent then."""
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        # uvloop's own connect tries one address after the other, without a race.
        connected_socket = await start_connection(
            addresses, happy_eyeballs_delay=HEAD_START, interleave=1
        )
        try:
            connected_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await loop.create_connection(
                factory,
                sock=connected_socket,
                ssl=self._ssl_context if origin.secure else None,
                server_hostname=origin.host if origin.secure else None,
            )
        except BaseException:
            with contextlib.suppress(OSError):  # the loop may have closed it already
                connected_socket.close()
            raise
        return connection

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        return create_ssl_context()


def create_ssl_context() -> ssl.SSLContext:
    """Return a context with the machine's trust store or, if it has none, certifi's."""
    has_own = _has_certificates(ssl.get_default_verify_paths())
    context = ssl.create_default_context() if has_own else httpx.create_ssl_context(trust_env=False)
    context.hostname_checks_common_name = False  # RFC 9110, 4.3.4
    context.set_alpn_protocols(["http/1.1"])
    return context


def _has_certificates(paths: ssl.DefaultVerifyPaths) -> bool:
    return bool(paths.cafile) or (bool(paths.capath) and any(Path(paths.capath).iterdir()))
