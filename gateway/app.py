"""The composition root: builds one ASGI application from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.api.stack import compose_source
from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MemoryStore
from gateway.cache.uncached import UncachedClientSource
from gateway.clock import Clock
from gateway.configuration import (
    accepted_hosts,
    cache_policy,
    document_limits,
    handler_config,
    operation_cost_cap,
    socket_limits,
    telemetry,
    trusted_documents,
)
from gateway.detached_tasks import DetachedTasks
from gateway.ratelimit.limiter import LimiterOptions
from gateway.server.lifespan import lifespan_of
from gateway.settings import Settings
from gateway.sharing.state import connect_shared_state, follow
from gateway.storage.credentials import SQLiteCredentialStore
from gateway.storage.state_dir import State, in_memory
from gateway.subscriptions.contracts import ChangeSource
from gateway.subscriptions.hub import SubscriptionHub
from gateway.subscriptions.publishing_writer import PublishingWriter
from gateway.transport.transport import Transport
from gateway.upstream_client import create_transport
from gateway.web.asgi import GraphQLApp
from gateway.web.authentication import Authenticator
from gateway.web.direct import FastPathHandler
from gateway.web.graphiql_page import graphiql_app
from gateway.web.handler import GraphQLHandler
from gateway.web.health import Health, Readiness
from gateway.web.manifests import DocumentReload
from gateway.web.protocol.cors import Cors
from gateway.web.refusals import OtherPaths
from gateway.web.router import Router, Routes
from gateway.web.streaming.event_body import EventBodies
from gateway.web.streaming.websocket_endpoint import WebSocketEndpoint
from gateway.webhooks.receiver import OnChange, Proof, WebhookReceiver
from gateway.writes.idempotency import IdempotentWriter
from gateway.writes.idempotency_store import IdempotencyStore
from gateway.writes.recovery import RecoveringWriter, write_cost
from schema.graph import Graph
from schema.source.protocols import ClientWriter
from schema.source.request_context import Credential

if TYPE_CHECKING:
    from gateway.telemetry.metrics import Metrics  # imported only if metrics are kept

GRAPHQL_PATH, WEBHOOK_PATH = "/graphql", "/webhooks/clients"
STATUS_PATH = "/status"
DOCS_URL = "https://www.actuallycare.com/api"
_DIST = Path(__file__).parent / "web" / "graphiql" / "dist"


def create_app(  # noqa: PLR0913 - keyword arguments for tests and the demo
    settings: Settings,
    *,
    demo_key: str | None = None,
    state: State | None = None,
    wire: Transport | None = None,
    store: MemoryStore | None = None,
    clock: Callable[[], float] | None = None,
    compiles: bool = True,
) -> GatewayApp:
    """Build the gateway.

    `demo_key` is the API key for requests without a credential (the demo only). `state` persists
    across restarts; the default keeps all state in memory. `wire` replaces the network in tests.
    `store` holds the cached clients. `clock` returns seconds and replaces both system clocks.
    If `compiles` is False, graphql-core executes every operation (tests only).
    """
    clock = Clock() if clock is None else Clock.of(clock)
    state = state or in_memory(trusted=True)
    secret = settings.secret.encode() if settings.secret else state.secret
    shared_state = connect_shared_state(settings, state, clock)
    shared = None if shared_state is None else shared_state.budget
    recorded = telemetry(settings, clock, shown=demo_key is not None)
    metrics = recorded.metrics
    rest, budget = compose_source(
        recorded.transport(wire or create_transport(settings, clock)),
        settings.upstream_url,
        LimiterOptions(
            limit=settings.upstream_rate_limit,
            proven=SQLiteCredentialStore(state.database),
            clock=clock,
            at_once=settings.upstream_max_concurrency,
            waiting=settings.upstream_max_queue,
        ),
        shared=shared,
    )
    intents = IdempotencyStore(state.database) if state.durable else None
    writer: ClientWriter = IdempotentWriter(
        rest,
        RecoveringWriter(rest),
        intents if shared_state is None else shared_state.creates,
        secret=secret,
        clock=clock,
        vouched=budget.vouched,
    )
    if metrics is not None:
        writer = metrics.writer(writer)
        metrics.watch(budget, shared)
    writes = DetachedTasks()
    published = PublishingWriter(writer)
    source: ChangeSource
    cap = partial(operation_cost_cap, settings, budget.state)
    if settings.cache:
        policy, size = cache_policy(settings), settings.cache_max_bytes
        store = store or MemoryStore(clock=clock, max_bytes=size, idle=policy.longest)
        source = cached = CachingClientSource(
            rest,
            published,
            store,
            write_cost=write_cost,
            tasks=writes,
            clock=clock,
            policy=policy,
            budget=budget.state,
            surplus=budget.refreshable,
            cap=cap,
            coherence=None if shared_state is None else shared_state.cache,
        )
        if metrics is not None:
            metrics.lookups, metrics.store = cached.lookups, store
    else:
        source = UncachedClientSource(rest, published, write_cost=write_cost, tasks=writes, cap=cap)
    graph = Graph(
        node_fields=settings.node_fields,
        introspection=settings.introspection,
        limits=document_limits(settings),
        compiles=compiles,
        cap=cap,
    )
    authenticator = Authenticator(
        secret=secret,
        now=time.time,
        proven=budget.vouched,
        refused=budget.refused,
        anonymous=_api_key(demo_key),
        service=_api_key(settings.api_key),
        token=settings.caller_token,
    )
    budget.credentials.trusted = frozenset(authenticator.own)
    pages = _pages(demo_key) if settings.graphiql else None
    cors = Cors(settings.cors_origins)
    config = handler_config(settings, graph)
    hub = SubscriptionHub(
        source,
        EventBodies(graph, source),
        published,
        budget,
        settings.max_subscriptions,
        clock=clock,
    )
    follow(shared_state, source, budget, hub)
    executing = GraphQLHandler(
        graph, source, authenticator, config, hub, answers=source.responses, cors=cors, clock=clock
    )
    handler = recorded.handler(executing, config.persisted, GRAPHQL_PATH)
    readiness = Readiness(clock)
    others = OtherPaths(
        pages,
        GRAPHQL_PATH,
        lifespan_of(readiness, shared_state, intents, writes, budget, state, recorded.tracing),
    )
    webhooks = _add_webhooks(others, settings, hub.receive, source.freshness)
    health = Health(readiness, budget.state, cors, shared, webhooks.state)
    if metrics is not None:
        metrics.webhooks, metrics.subscriptions = webhooks.state, hub.subscribers
        if demo_key is not None:
            others.routes.extend(recorded.status_routes())
    routes = Routes(
        GRAPHQL_PATH, GraphQLApp(handler, settings.max_body_bytes), pages, health, others
    )
    hosts = accepted_hosts(settings, keyless=demo_key is not None or settings.acts_without_proof)
    direct = FastPathHandler(GRAPHQL_PATH, handler, hosts, health)
    websockets = WebSocketEndpoint(
        GRAPHQL_PATH, handler, authenticator, hosts, cors, socket_limits(settings), hub.drain
    )
    return GatewayApp(
        routes,
        cors,
        hosts,
        direct,
        DocumentReload(
            partial(trusted_documents, settings.trusted_documents_file, graph), handler.trust
        ),
        readiness.leave,
        metrics,
        websockets,
    )


def _pages(demo_key: str | None) -> ASGIApp:
    links = {"Docs": DOCS_URL} | ({"Budget": STATUS_PATH} if demo_key else {})
    return graphiql_app(_DIST, headers={"X-API-Key": demo_key} if demo_key else {}, links=links)


def _add_webhooks(
    app: OtherPaths, settings: Settings, on_change: OnChange, proof: Proof
) -> WebhookReceiver:
    """Add the endpoint of webhooks, if it has a secret."""
    secrets, most = settings.webhook_secrets, settings.max_body_bytes
    receiver = WebhookReceiver(secrets, on_change, proof, max_body_bytes=most)
    if secrets:
        app.routes.append(Route(WEBHOOK_PATH, receiver.respond, methods=["POST"]))
        app.create()
    return receiver


def _api_key(value: str | None) -> Credential | None:
    return None if value is None else Credential("X-API-Key", value)


@dataclass(eq=False, repr=False)
class GatewayApp(Router):
    """The ASGI application and the fast path that answers without ASGI."""

    direct: FastPathHandler
    """Handler of the fast path."""
    reload: DocumentReload
    """Replaces the trusted documents by those of their file."""
    leave: Callable[[], None]
    """Reports that the gateway is not ready; called when it begins to stop."""
    metrics: Metrics | None
    """The counts to show, if they are kept."""
    websockets: WebSocketEndpoint
    """Accepts WebSockets, and ends all subscriptions when the server stops."""
