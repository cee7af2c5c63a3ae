"""The listener of the metrics, beside that of the gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.addresses import authority, split_address
from gateway.server import uvicorn as server
from gateway.server.http1.limits import ConnectionCounter
from gateway.settings import PREFIX, ConfigurationError

if TYPE_CHECKING:
    from gateway.app import GatewayApp

_SETTING = f"{PREFIX}METRICS_ADDRESS"


def with_metrics(
    site: server.Listener, app: GatewayApp, address: str | None
) -> list[server.Listener]:
    """Return the listener of the gateway and, if `address` is set, that of its metrics."""
    if address is None or app.metrics is None:
        return [site]
    from gateway.telemetry.exposition import metrics_app  # noqa: PLC0415 - off by default

    host, port = split_address(address)
    if port and port == site.socket.getsockname()[1]:
        raise ConfigurationError(f"{_SETTING} must have a port of its own, not that of clients")
    app.metrics.connections = counter = ConnectionCounter(site.limits)
    socket = server.bind(host, port, _SETTING)
    return [replace(site, connections=counter), server.Listener(metrics_app(app.metrics), socket)]


def metrics_url(site: server.Listener) -> str:
    """Return the URL of the metrics that a listener shows."""
    host, port = site.socket.getsockname()[:2]
    return f"http://{authority(host, port)}/metrics"
