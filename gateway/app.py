"""The composition root: builds one ASGI application from the settings."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.responses import RedirectResponse
from starlette.routing import Route

from gateway.addresses import is_loopback
from gateway.api.stack import compose_source
from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.source import CachingClientSource
from gateway.cache.store.memory import MemoryStore
from gateway.cache.uncached import UncachedClientSource
from gateway.clock import Clock
from gateway.detached_tasks import DetachedTasks
from gateway.server.http1.limits import ConnectionLimits
from gateway.settings import PREFIX, ConfigurationError
from gateway.storage.credentials import SQLiteCredentialStore
from gateway.storage.state_dir import in_memory
from gateway.transport.pool import ConnectionPool
from gateway.web.asgi import GraphQLApp
from gateway.web.authentication import Authenticator
from gateway.web.direct import FastPathHandler
from gateway.web.graphiql_page import graphiql_app
from gateway.web.handler import GraphQLHandler, HandlerConfig
from gateway.web.health import Health, Readiness
from gateway.web.manifests import load_manifest
from gateway.web.persisted import DocumentPolicy, PersistedDocuments
from gateway.web.protocol.cors import Cors
from gateway.web.protocol.hosts import LOCAL, Hosts
from gateway.web.protocol.strict_json import JSONLimits
from gateway.web.refusals import HANDLERS
from gateway.web.router import Router, Routes
from gateway.writes.idempotency import IdempotentWriter
from gateway.writes.idempotency_store import IdempotencyStore
from gateway.writes.recovery import RecoveringWriter, write_cost
from schema.execution.documents import InvalidDocument
from schema.execution.limits import Limits
from schema.graph import Graph
from schema.source.request_context import Credential

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from gateway.cache.store.memory import Store
    from gateway.settings import Settings
    from gateway.storage.state_dir import State
    from gateway.transport.transport import Transport
    from schema.source.protocols import ClientSource
    from schema.source.request_context import RateLimitState

GRAPHQL_PATH = "/graphql"
SHUTDOWN_SECONDS = 15.0
"""Seconds for which a gateway that stops waits for its writes: their deadline and some more."""
DOCS_URL = "https://www.actuallycare.com/api"
_POOL_HEADROOM = 2.5
"""Requests that the pool allows for each that the limiter allows: the limiter refuses first."""

_DIST = Path(__file__).parent / "web" / "graphiql" / "dist"


def create_app(  # noqa: PLR0913 - keyword arguments for tests and the demo
    settings: Settings,
    *,
    demo_key: str | None = None,
    state: State | None = None,
    wire: Transport | None = None,
    store: Store | None = None,
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
    rest, budget = compose_source(
        wire
        or ConnectionPool(
            max_in_flight=int(_POOL_HEADROOM * settings.upstream_max_concurrency),
            attempt_seconds=settings.upstream_timeout,
            clock=clock,
        ),
        settings.upstream_url,
        clock=clock,
        limit=settings.upstream_rate_limit,
        at_once=settings.upstream_max_concurrency,
        waiting=settings.upstream_max_queue,
        proven=SQLiteCredentialStore(state.database),
    )
    intents = IdempotencyStore(state.database) if state.durable else None
    writer = IdempotentWriter(
        rest,
        RecoveringWriter(rest),
        intents,
        secret=state.secret,
        clock=clock,
        vouched=budget.vouched,
    )
    writes = DetachedTasks()
    source: ClientSource
    responses = None
    if settings.cache:
        source = cached = CachingClientSource(
            rest,
            writer,
            store or MemoryStore(clock=clock, max_bytes=settings.cache_max_bytes),
            write_cost=write_cost,
            tasks=writes,
            clock=clock,
            policy=CachePolicy(
                prefetch_max_rows=settings.cache_prefetch_max_rows,
                type_filter=None if settings.type_filter == "learn" else settings.type_filter,
            ),
            budget=budget.state,
            surplus=budget.refreshable,
        )
        budget.when_refused(cached.disown)
        responses = cached.responses
    else:
        source = UncachedClientSource(rest, writer, write_cost=write_cost, tasks=writes)
    graph = Graph(
        node_fields=settings.node_fields,
        introspection=settings.introspection,
        limits=_limits(settings),
        compiles=compiles,
        cap=partial(_operation_cost_cap, settings, budget.state),
    )
    authenticator = Authenticator(
        secret=state.secret,
        now=time.time,
        proven=budget.vouched,
        refused=budget.refused,
        anonymous=_api_key(demo_key),
        service=_api_key(settings.api_key),
        token=settings.caller_token,
    )
    budget.trust(authenticator.own)
    pages = None
    if settings.graphiql:
        pages = graphiql_app(
            _DIST, headers={"X-API-Key": demo_key} if demo_key else {}, docs_url=DOCS_URL
        )
    cors = Cors(settings.cors_origins)
    handler = GraphQLHandler(
        graph,
        source,
        authenticator,
        _handler_config(settings, graph),
        answers=responses,
        cors=cors,
        clock=clock,
    )
    readiness = Readiness()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        readiness.ready = True
        expiry = None if intents is None else asyncio.create_task(intents.expire_hourly())
        try:
            yield
        finally:
            readiness.ready = False
            if expiry is not None:
                expiry.cancel()
            await writes.aclose(SHUTDOWN_SECONDS)
            await budget.aclose()
            await state.database.aclose()

    others = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the Host of the request
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    if pages is not None:
        others.mount("/graphiql", pages)
        others.router.routes.append(Route("/", RedirectResponse(GRAPHQL_PATH)))
    health = Health(readiness, budget.state, cors)
    routes = Routes(GRAPHQL_PATH, GraphQLApp(handler), pages, health, others)
    hosts = _hosts(settings, keyless=demo_key is not None or settings.acts_without_proof)
    return GatewayApp(routes, cors, hosts, FastPathHandler(GRAPHQL_PATH, handler, hosts, health))


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


def _hosts(settings: Settings, *, keyless: bool) -> Hosts:
    """Accept any host by default; local and configured hosts only if some are set or `keyless`."""
    if not keyless and not settings.allowed_hosts:
        return Hosts()
    own = (settings.host,) if is_loopback(settings.host) else ()
    return Hosts((*LOCAL, *own, *settings.allowed_hosts))


def _limits(settings: Settings) -> Limits:
    return Limits(
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        directives=settings.max_directives,
        root_fields=settings.max_root_fields,
        tokens=settings.max_tokens,
        characters=settings.max_document_length,
    )


def _handler_config(settings: Settings, graph: Graph) -> HandlerConfig:
    return HandlerConfig(
        _persisted(settings, graph),
        body=settings.max_body_bytes,
        bounds=JSONLimits(depth=settings.max_variables_depth, string=settings.max_string_length),
        in_flight=settings.max_concurrent_requests,
        fresh=CachePolicy().fresh if settings.cache else 0,
    )


def _persisted(settings: Settings, graph: Graph) -> PersistedDocuments:
    """Load the trusted documents. Raises `ConfigurationError` for an invalid document."""
    trusted: Mapping[str, str] = {}
    if settings.trusted_documents_file is not None:
        try:
            trusted = load_manifest(settings.trusted_documents_file)
        except ValueError as error:
            raise ConfigurationError(f"{PREFIX}TRUSTED_DOCUMENTS_FILE: {error}") from None
    for id, text in trusted.items():
        parsed = graph.documents.parse_and_validate(text)
        if isinstance(parsed, InvalidDocument):
            reason = parsed.errors[0].message
            raise ConfigurationError(
                f"{PREFIX}TRUSTED_DOCUMENTS_FILE has {id}, which is refused: {reason}"
            )
    return PersistedDocuments(
        DocumentPolicy(settings.allowed_documents),
        trusted,
        memory=settings.persisted_queries_max_bytes,
    )


def _operation_cost_cap(settings: Settings, budget: Callable[[], RateLimitState]) -> int:
    """Return the upstream calls that one operation may cost, given the rest of the window."""
    state = budget()
    scarce = state.remaining * 5 < state.limit
    return settings.max_operation_cost_low_budget if scarce else settings.max_operation_cost


def _api_key(value: str | None) -> Credential | None:
    return None if value is None else Credential("X-API-Key", value)


class GatewayApp(Router):
    """The ASGI application and the fast path that answers without ASGI."""

    def __init__(self, routes: Routes, cors: Cors, hosts: Hosts, direct: FastPathHandler) -> None:
        super().__init__(routes, cors, hosts)
        self.direct = direct
        """Handler of the fast path."""
