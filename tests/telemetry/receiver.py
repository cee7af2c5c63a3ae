"""A receiver of OTLP over HTTP."""

from __future__ import annotations

import contextlib
import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage


@dataclass
class Span:
    """A span as it was received."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: Mapping[str, Any]


@dataclass
class Receiver:
    """What has been received, by the path that it was sent to."""

    url: str
    spans: list[Span] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    """Every request's content, one after the other."""

    def accept(self, content: bytes) -> None:
        self.raw += content
        for group in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.resource.update(_attributes(group.resource.attributes))
            for scope in group.scope_spans:
                self.spans += [_span(each) for each in scope.spans]

    def of(self, kind: str) -> list[Span]:
        """The spans that have an attribute."""
        return [span for span in self.spans if kind in span.attributes]


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a loopback port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                content = gzip.decompress(content)
            assert self.path == "/v1/traces"
            receiver.accept(content)
            reply = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def _span(sent: SpanMessage) -> Span:
    trace, own, parent = (each.hex() for each in (sent.trace_id, sent.span_id, sent.parent_span_id))
    return Span(sent.name, trace, own, parent, _attributes(sent.attributes))


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
