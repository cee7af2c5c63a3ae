"""Traces of OpenTelemetry, sent by OTLP over HTTP as the variables OTEL_* say."""

import asyncio
import threading
from collections.abc import Callable
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NoOpTracer, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.telemetry.traces.operation_spans import UNNAMED
from gateway.telemetry.traces.upstream_spans import TracedTransport
from gateway.transport.transport import Transport

SCOPE = "clients-gateway"
FLUSH_SECONDS = 2.0
"""Seconds for which a gateway that stops waits for the receiver of its last spans."""


class Tracing:
    """Starts the spans of one gateway, and sends them in the background."""

    def __init__(self) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._tracer = self._provider.get_tracer(SCOPE, version(SCOPE))
        # `tracestate` and `baggage` are texts of the caller: they go nowhere.
        self._propagator = TraceContextTextMapPropagator()

    @property
    def is_disabled(self) -> bool:
        """Whether OTEL_SDK_DISABLED turns traces off."""
        return isinstance(self._tracer, NoOpTracer)

    def begin(self) -> None:
        """Send spans from now on, in a thread of this process."""
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    def transport(self, inner: Transport, correlate: Callable[[bytes], str | None]) -> Transport:
        """Return a transport that records the calls that `inner` sends."""
        return TracedTransport(inner, self._tracer, self._propagator, correlate)

    def start(self, traceparent: bytes | None, method: str, path: str) -> Span:
        """Start the span of a request; it continues the trace of a valid `traceparent`."""
        carrier = {} if traceparent is None else {"traceparent": traceparent.decode("latin-1")}
        return self._tracer.start_span(
            UNNAMED,
            self._propagator.extract(carrier),
            SpanKind.SERVER,
            {"http.request.method": method, "url.path": path},
        )

    async def aclose(self) -> None:
        """Send the last spans, unless their receiver takes too long."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, FLUSH_SECONDS)


def _resource() -> Resource:
    """Return what all spans have; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come first."""
    own = {SERVICE_NAME: SCOPE, SERVICE_VERSION: version(SCOPE)}
    given = Resource.create().attributes
    unnamed = str(given.get(SERVICE_NAME, "")).startswith("unknown_service")
    named = {name: each for name, each in given.items() if not (unnamed and name == SERVICE_NAME)}
    return Resource({**own, **named})
