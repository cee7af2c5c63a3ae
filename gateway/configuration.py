"""Turn the settings into the values that the parts of the gateway are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from starlette.routing import BaseRoute

from gateway.addresses import is_loopback
from gateway.api.error_envelope import correlation_id_in
from gateway.cache.policy.freshness import CachePolicy
from gateway.server.http1.limits import ConnectionLimits
from gateway.settings import PREFIX, ConfigurationError, Settings
from gateway.transport.transport import Transport
from gateway.web.handler import GraphQLHandler, HandlerConfig
from gateway.web.manifests import load_manifest
from gateway.web.persisted import DocumentPolicy, PersistedDocuments
from gateway.web.protocol.hosts import LOCAL, Hosts
from gateway.web.protocol.strict_json import JSONLimits
from gateway.web.streaming.transport_ws import SocketLimits
from schema.execution.documents import InvalidDocument
from schema.execution.limits import Limits
from schema.graph import Graph
from schema.source.request_context import RateLimitState

if TYPE_CHECKING:
    from gateway.server.observed import ObservedHandler
    from gateway.server.traced import TracedHandler
    from gateway.telemetry.metrics import Metrics
    from gateway.telemetry.observation import RequestObserver
    from gateway.telemetry.traces.tracing import Tracing


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits on client connections: seconds, bytes and counts."""
    return ConnectionLimits(
        head_timeout=settings.timeout_request_headers,
        body_timeout=settings.timeout_request_body,
        write_timeout=settings.timeout_write,
        keep_alive_timeout=settings.timeout_keep_alive,
        max_body_bytes=settings.max_body_bytes,
        max_connections=settings.max_connections,
        max_per_address=settings.max_connections_per_address,
    )


def socket_limits(settings: Settings) -> SocketLimits:
    """Return the limits on WebSockets."""
    return SocketLimits(settings.timeout_connection_init, settings.max_subscriptions_per_connection)


def accepted_hosts(settings: Settings, *, keyless: bool) -> Hosts:
    """Accept any host by default; local and configured hosts only if some are set or `keyless`."""
    if not keyless and not settings.allowed_hosts:
        return Hosts()
    own = (settings.host,) if is_loopback(settings.host) else ()
    return Hosts((*LOCAL, *own, *settings.allowed_hosts))


def document_limits(settings: Settings) -> Limits:
    """Return the limits on documents."""
    return Limits(
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        directives=settings.max_directives,
        root_fields=settings.max_root_fields,
        tokens=settings.max_tokens,
        characters=settings.max_document_length,
    )


def handler_config(settings: Settings, graph: Graph) -> HandlerConfig:
    """Return the limits on requests, and the accepted documents."""
    persisted = PersistedDocuments(
        DocumentPolicy(settings.allowed_documents),
        trusted_documents(settings.trusted_documents_file, graph),
        memory=settings.persisted_queries_max_bytes,
    )
    return HandlerConfig(
        persisted,
        body=settings.max_body_bytes,
        bounds=JSONLimits(depth=settings.max_variables_depth, string=settings.max_string_length),
        in_flight=settings.max_concurrent_requests,
        fresh=CachePolicy().fresh if settings.cache else 0,
    )


def trusted_documents(file: Path | None, graph: Graph) -> Mapping[str, str]:
    """Load the trusted documents. Raises `ConfigurationError` for an invalid document."""
    if file is None:
        return {}
    try:
        trusted = load_manifest(file.expanduser())
    except (ValueError, RuntimeError) as error:  # RuntimeError: no home directory
        raise ConfigurationError(f"{PREFIX}TRUSTED_DOCUMENTS_FILE: {error}") from None
    for id, text in trusted.items():
        parsed = graph.documents.parse_and_validate(text)
        if isinstance(parsed, InvalidDocument):
            reason = parsed.errors[0].message
            raise ConfigurationError(
                f"{PREFIX}TRUSTED_DOCUMENTS_FILE has {id}, which is refused: {reason}"
            )
    return trusted


def operation_cost_cap(settings: Settings, budget: Callable[[], RateLimitState]) -> int:
    """Return the upstream calls that one operation may cost, given the rest of the window."""
    scarce = budget().is_scarce
    return settings.max_operation_cost_low_budget if scarce else settings.max_operation_cost


def cache_policy(settings: Settings) -> CachePolicy:
    """Return the ages and sizes by which the cache decides."""
    return CachePolicy(
        prefetch_max_rows=settings.cache_prefetch_max_rows,
        webhook_fresh=settings.webhook_fresh if settings.webhook_secrets else None,
        type_filter=None if settings.type_filter == "learn" else settings.type_filter,
    )


class Telemetry(NamedTuple):
    """What the settings have recorded about the gateway; nothing by default."""

    metrics: Metrics | None
    tracing: Tracing | None
    observers: Sequence[RequestObserver]

    def transport(self, wire: Transport) -> Transport:
        """Have the calls of the API recorded."""
        if self.metrics is not None:
            wire = self.metrics.transport(wire)
        if self.tracing is not None:
            wire = self.tracing.transport(wire, correlation_id_in)
        return wire

    def status_routes(self) -> Sequence[BaseRoute]:
        """Return the routes of the status page, which `serve` shows beside the metrics alone."""
        from gateway.telemetry.status.routes import status_routes  # noqa: PLC0415 - the demo only

        return [] if self.metrics is None else status_routes(self.metrics)

    def handler(
        self, inner: GraphQLHandler, persisted: PersistedDocuments, path: str
    ) -> GraphQLHandler | ObservedHandler | TracedHandler:
        """Have the requests recorded."""
        if not self.observers:
            return inner
        from gateway.server.observed import ObservedHandler  # noqa: PLC0415 - off by default

        observed = ObservedHandler(inner, persisted, self.observers)
        if self.tracing is None:
            return observed
        from gateway.server.traced import TracedHandler  # noqa: PLC0415 - off by default

        return TracedHandler(observed, self.tracing, path)


def telemetry(settings: Settings, clock: Callable[[], float], *, shown: bool) -> Telemetry:
    """Return what is to be recorded; metrics also if they are `shown` without their address.

    Raises `ConfigurationError` without the package for it.
    """
    metrics = tracing = None
    observers: list[RequestObserver] = []
    if shown or settings.metrics_address is not None:
        from gateway.telemetry.metrics import Metrics  # noqa: PLC0415 - off by default

        metrics = Metrics(clock)
        observers.append(metrics.requests)
    if settings.access_log:
        from gateway.telemetry.access_log import AccessLog  # noqa: PLC0415 - off by default

        observers.append(AccessLog())
    if settings.traces:
        try:
            from gateway.telemetry.traces.operation_spans import OperationSpans  # noqa: PLC0415 - an extra
            from gateway.telemetry.traces.tracing import Tracing  # noqa: PLC0415
        except ModuleNotFoundError:
            raise ConfigurationError(
                f"{PREFIX}TRACES needs an extra: pip install 'clients-gateway[otel]'"
            ) from None
        tracing = Tracing()
        if tracing.is_disabled:
            tracing = None
        else:
            observers.append(OperationSpans())
    return Telemetry(metrics, tracing, observers)
