"""Choose the transport that calls the API by the settings."""

import ssl
import time
from collections.abc import Callable

from gateway.settings import PREFIX, ConfigurationError, Settings
from gateway.transport.connector import create_ssl_context
from gateway.transport.pool import ConnectionPool
from gateway.transport.transport import Transport, TransportLimits

_HEADROOM = 2.5
"""Requests in flight that the transport allows for each of the limiter, which refuses first."""


def create_transport(settings: Settings, clock: Callable[[], float] = time.monotonic) -> Transport:
    """Build the transport. Raises `ConfigurationError` for an unusable client certificate."""
    limits = TransportLimits(
        max_in_flight=int(_HEADROOM * settings.upstream_max_concurrency),
        attempt_seconds=settings.upstream_timeout,
    )
    if settings.upstream_client == "builtin":
        return ConnectionPool(limits, ssl_context=_client_context(settings), clock=clock)
    from gateway.transport.httpx_transport import (  # noqa: PLC0415 - seldom used
        HTTPXTransport,
        open_network,
    )

    context = _client_context(settings) or create_ssl_context()
    network = open_network(ssl_context=context, proxy=settings.upstream_proxy)
    return HTTPXTransport(network, limits, clock=clock)


def _client_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context with the client certificate; None if none is configured."""
    file = settings.upstream_client_certificate
    if file is None:
        return None
    try:
        return create_ssl_context(file.expanduser())
    except (OSError, RuntimeError) as error:  # RuntimeError: no home directory
        raise ConfigurationError(
            f"{PREFIX}UPSTREAM_CLIENT_CERTIFICATE: {file} has no usable certificate and key:"
            f" {getattr(error, 'strerror', None) or error}"
        ) from None
