"""A transport that records a span for each call, and passes the trace on to the API."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from gateway.telemetry.upstream_calls import UNSENT, call_end
from gateway.transport.messages import Request, Response
from gateway.transport.serializer import HeaderBlock, RequestTarget
from gateway.transport.transport import Transport

_FAILED = 400
_LIST, _CLIENT = "/clients", "/clients/{id}"


@dataclass(eq=False, repr=False)
class TracedTransport(Transport):
    """Records the calls that `inner` sends; their context has a priority.

    `correlate` returns the API's identifier of an error, by the content of the response.
    """

    _inner: Transport
    _tracer: Tracer
    _propagator: TextMapPropagator
    _correlate: Callable[[bytes], str | None]

    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Send a request in the trace of the operation that needs it."""
        span = self._start(request)
        response = self._inner.send(self._continued(request, span))
        response.add_done_callback(partial(self._end, span))
        return response

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()

    def _start(self, request: Request[Any]) -> Span:
        template, origin = _template(request.target), request.target.origin
        return self._tracer.start_span(
            f"{request.method} {template}",
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": request.method,
                "url.template": template,
                "server.address": origin.host,
                "server.port": origin.port,
                "clients_gateway.priority": request.context.priority.name.lower(),
            },
        )

    def _continued(self, request: Request[Any], span: Span) -> Request[Any]:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, set_span_in_context(span))
        own = [(name.encode(), value.encode()) for name, value in carrier.items()]
        headers = HeaderBlock(*request.headers.sent_fields, *own)
        return Request(
            request.method,
            request.target,
            headers,
            request.deadline,
            request.context,
            request.content,
        )

    def _end(self, span: Span, response: asyncio.Future[Response]) -> None:
        status, outcome = call_end(response)
        span.set_attribute("clients_gateway.outcome", outcome)
        span.set_attribute("clients_gateway.cost", int(outcome != UNSENT))
        if not status:
            span.set_attribute("error.type", outcome)
            span.set_status(Status(StatusCode.ERROR))
        else:
            self._describe(span, response.result())
        span.end()

    def _describe(self, span: Span, response: Response) -> None:
        status = response.status_code
        span.set_attribute("http.response.status_code", status)
        if status < _FAILED:
            return
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))
        correlation = self._correlate(response.content)
        if correlation is not None:
            span.set_attribute("clients_gateway.correlation_id", correlation)


def _template(target: RequestTarget) -> str:
    """Return the path without the id of a client, relative to the base URL."""
    path, _, _ = target.url.partition("?")
    return _LIST if path.endswith(_LIST) else _CLIENT
