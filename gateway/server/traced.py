"""A GraphQL handler whose requests are spans of a trace."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.trace import Span, use_span

from gateway.server.observed import ObservedHandler
from gateway.telemetry.traces.tracing import Tracing
from gateway.web.protocol.event_stream import EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import HTTPResponse
from gateway.web.protocol.tracing import Trace, trace_from
from gateway.web.request import HTTPRequest

_PARENT = b"traceparent"


class TracedHandler:
    """Answers by `inner`, which describes the current span."""

    def __init__(self, inner: ObservedHandler, tracing: Tracing, path: str) -> None:
        self._inner = inner
        self._tracing = tracing
        self._path = path

    def trust(self, documents: Mapping[str, str]) -> None:
        """Replace the trusted documents."""
        self._inner.trust(documents)

    def cached(self, head: RequestHead, body: bytes) -> HTTPResponse | None:
        """Return the stored response to a POST; None if it must be executed, without a span."""
        with self._traced("POST", head) as (span, traced):
            reply = self._inner.cached(traced, body)
        if reply is not None:
            span.end()
        return reply

    async def reply(self, asking: HTTPRequest) -> HTTPResponse | EventStream:
        """Return the response."""
        with self._traced(asking.method, asking.head) as (span, traced):
            asking.head = traced
            try:
                return await self._inner.reply(asking)
            finally:
                span.end()

    @contextmanager
    def _traced(self, method: str, head: RequestHead) -> Iterator[tuple[Span, RequestHead]]:
        """Make a new span the current one; the response names it."""
        span = self._tracing.start(head.first(_PARENT, only=True), method, self._path)
        with use_span(span, record_exception=False, set_status_on_exception=False):
            yield span, TracedHead(head, span)


class TracedHead(RequestHead):
    """The headers of a request whose span has been started."""

    __slots__ = ("_trace",)

    def __init__(self, head: RequestHead, span: Span) -> None:
        for name in RequestHead.__slots__:
            setattr(self, name, getattr(head, name))
        own = span.get_span_context()
        parent = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags & 1:02x}".encode()
        self._trace = Trace(trace_from(head.headers | {_PARENT: [parent]}).request_id, parent)

    def trace(self) -> Trace:
        """Return the identifiers of the span."""
        return self._trace
