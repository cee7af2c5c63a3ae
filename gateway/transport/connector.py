"""Open connections: resolve names, race addresses (RFC 8305), negotiate TLS."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import certifi
from aiohappyeyeballs import start_connection

from gateway.transport.connection import HTTPConnection
from gateway.transport.errors import CertificateError, ConnectError
from gateway.transport.serializer import Origin

HEAD_START = 0.25
"""Seconds before the next address is tried in parallel (RFC 8305, section 8)."""


class Connector:
    """Opens connections."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """`ssl_context`: by default that of `create_ssl_context`, made when it is needed."""
        self._given = ssl_context

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
        return self._given or create_ssl_context()


def connect_error(error: OSError | ValueError, host: str) -> ConnectError:
    """Return the error that says why no connection to `host` could be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(f"its certificate is not trusted: {error.verify_message}")
    if isinstance(error, socket.gaierror):
        return ConnectError(f"the name {host} does not resolve")
    if isinstance(error, ssl.SSLError):
        return ConnectError(f"TLS failed: {error.reason or type(error).__name__}")
    number = error.errno if isinstance(error, OSError) else None
    return ConnectError(os.strerror(number) if number and number > 0 else type(error).__name__)


def create_ssl_context(client_certificate: Path | None = None) -> ssl.SSLContext:
    """Return a context with the machine's trust store or, if it has none, certifi's.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the trust store. `client_certificate`: a PEM file
    with a certificate and its key, to show to servers. Raises `OSError` if it cannot be read.
    """
    paths = ssl.get_default_verify_paths()
    has_own = bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))
    context = ssl.create_default_context(cafile=None if has_own else certifi.where())
    context.hostname_checks_common_name = False  # RFC 9110, 4.3.4
    context.set_alpn_protocols(["http/1.1"])
    if client_certificate is not None:
        context.load_cert_chain(client_certificate)
    return context
