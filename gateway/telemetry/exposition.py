"""The application that shows the metrics at GET /metrics, and their page at GET /status."""

import contextlib
from collections.abc import AsyncIterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.telemetry.collector import GatewayCollector
from gateway.telemetry.loop_lag import LoopLag
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.status.routes import status_routes

METRICS_PATH = "/metrics"


def metrics_app(metrics: Metrics) -> Starlette:
    """Build the application; it measures the lag of the event loop that serves it."""
    lag, registry = LoopLag(), CollectorRegistry()
    registry.register(GatewayCollector(metrics, lag))
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)

    async def show(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        lag.start()
        try:
            yield
        finally:
            lag.stop()

    return Starlette(routes=[Route(METRICS_PATH, show), *status_routes(metrics)], lifespan=lifespan)
