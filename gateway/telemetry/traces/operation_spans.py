"""What a trace holds of an operation; no caller, document, variable or error message."""

from collections.abc import Mapping

from opentelemetry.trace import Status, StatusCode, get_current_span

from gateway.telemetry.observation import ObservedOperation, ObservedRequest, StoredReplyRecorder
from schema.source.request_context import Receipt

UNNAMED = "GraphQL Operation"
"""The name of a span whose operation is not known (OpenTelemetry, GraphQL server spans)."""
STORED = "stored"
"""The outcome of an operation that a stored response answered."""
_FAILED = 500
"""The least status of a failure of the gateway."""


class OperationSpans:
    """Describes each answered request on the current span."""

    def record(self, request: ObservedRequest) -> None:
        """Describe one that was executed or refused."""
        _describe(request, None if request.receipt is None else cache_outcome(request.receipt))

    def stored(self, operation: ObservedOperation) -> StoredReplyRecorder:
        """Return what describes a request of this operation that a stored response answered."""
        return lambda reply, receipt, seconds: _describe(
            ObservedRequest(operation, reply, receipt, (), seconds), STORED
        )


def cache_outcome(receipt: Receipt) -> str | None:
    """Return what the cache did for an operation; None if it was not needed."""
    if receipt.stale:
        return "stale"
    if receipt.saved:
        return "partial" if receipt.calls else "hit"
    if receipt.joined:
        return "joined"
    return "miss" if receipt.calls else None


def _describe(request: ObservedRequest, outcome: str | None) -> None:
    span = get_current_span()
    if not span.is_recording():
        return
    span.update_name(_name(request.operation))
    attributes = _attributes(request, outcome)
    span.set_attributes({name: each for name, each in attributes.items() if each is not None})
    if request.reply.status >= _FAILED:
        span.set_status(Status(StatusCode.ERROR))


def _name(operation: ObservedOperation) -> str:
    if operation.kind is None:
        return UNNAMED
    return f"{operation.kind} {operation.label}" if operation.is_trusted else operation.kind


def _attributes(
    request: ObservedRequest, outcome: str | None
) -> Mapping[str, str | int | float | list[str] | None]:
    operation, reply, receipt, codes, _ = request
    own = {
        "graphql.operation.type": operation.kind,
        "graphql.operation.name": operation.label if operation.is_trusted else None,
        "http.response.status_code": reply.status,
        "http.response.body.size": len(reply.content),
        "error.type": codes[0] if codes else None,
        "clients_gateway.codes": sorted(set(codes)) or None,
        "clients_gateway.cache": outcome,
    }
    if receipt is None:
        return own
    # A stored response has the receipt of its first request; it cost nothing itself.
    calls = 0 if outcome == STORED else receipt.calls
    return own | {
        "clients_gateway.cost": calls,
        "clients_gateway.saved": receipt.saved,
        "clients_gateway.joined": receipt.joined,
        "clients_gateway.age": receipt.oldest_seconds,
    }
