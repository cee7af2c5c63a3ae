"""The listener of the metrics, beside that of the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from socket import socket as Socket  # noqa: N812 - its variables are sockets
from typing import TYPE_CHECKING

from gateway.addresses import authority, split_address
from gateway.server import uvicorn as server
from gateway.server.http1.limits import ConnectionCounter
from gateway.settings import PREFIX, ConfigurationError

if TYPE_CHECKING:
    from gateway.app import GatewayApp

_SETTING = f"{PREFIX}METRICS_ADDRESS"
LAST_PORT = 65_535


def bind_metrics(address: str | None, clients: Socket, count: int = 1) -> list[Socket]:
    """Bind the sockets of the metrics, if `address` is set: `count` successive ports.

    Raises `ConfigurationError` if one cannot be bound or is that of the socket for `clients`.
    """
    if address is None:
        return []
    host, port = split_address(address)
    ports = [port + number if port else 0 for number in range(count)]
    if port and clients.getsockname()[1] in ports:
        raise ConfigurationError(f"{_SETTING} must have ports of its own, not that of clients")
    if ports[-1] > LAST_PORT:
        raise ConfigurationError(f"{_SETTING} must leave a port to each worker, up to {LAST_PORT}")
    return [server.bind(host, each, _SETTING) for each in ports]


def with_metrics(
    site: server.Listener, app: GatewayApp, sockets: Sequence[Socket]
) -> list[server.Listener]:
    """Return the listener of the gateway, and that of its metrics if there is a socket for them."""
    if app.metrics is None:
        return [site]
    from gateway.telemetry.exposition import metrics_app  # noqa: PLC0415 - off by default

    app.metrics.connections = counter = ConnectionCounter(site.limits)
    shown = [server.Listener(metrics_app(app.metrics), socket) for socket in sockets]
    return [replace(site, connections=counter), *shown]


def metrics_url(socket: Socket) -> str:
    """Return the URL of the metrics that are shown at a socket."""
    return f"http://{authority(*socket.getsockname()[:2])}/metrics"
