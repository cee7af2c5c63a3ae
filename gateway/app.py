"""The composition root: settings in, one ASGI application out."""

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
from gateway.cache.cached import CachedClients
from gateway.cache.freshness import Policy
from gateway.cache.store import MemoryStore
from gateway.clock import Clock
from gateway.http1.limits import Patience
from gateway.settings import PREFIX, Misconfigured
from gateway.state.folder import in_memory
from gateway.state.intents import Intents
from gateway.state.keyed import KeyedClients
from gateway.state.proven import ProvenCredentials
from gateway.upstream.recovery import Recovering
from gateway.upstream.rest import RestClients
from gateway.upstream.transports import compose
from gateway.upstream.wire import Wire
from gateway.web.callers import Callers
from gateway.web.cors import Cors
from gateway.web.direct import Direct
from gateway.web.graphql import GraphQLDoor
from gateway.web.health import Readiness, health
from gateway.web.hosts import LOCAL, Hosts
from gateway.web.manifests import documents_in
from gateway.web.persisted import Accepted, Persisted
from gateway.web.playground import playground
from gateway.web.refusals import HANDLERS
from gateway.web.repeats import Repeats
from gateway.web.router import Places, Router
from gateway.web.service import GraphQLService, Terms
from gateway.web.strict import Bounds
from schema.documents import Refused
from schema.graph import Graph
from schema.limits import Limits
from schema.operation import Credential

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import httpx

    from gateway.cache.store import Store
    from gateway.settings import Settings
    from gateway.state.folder import State
    from schema.operation import BudgetState
    from schema.source import ClientSource

GRAPHQL_PATH = "/graphql"
DOCS_URL = "https://www.actuallycare.com/api"
_DIST = Path(__file__).parent / "web" / "graphiql" / "dist"


def build(  # noqa: PLR0913 - the parts that tests and the demo put in, by name
    settings: Settings,
    *,
    demo_key: str | None = None,
    state: State | None = None,
    wire: httpx.AsyncBaseTransport | None = None,
    store: Store | None = None,
    clock: Callable[[], float] | None = None,
) -> Gateway:
    """The gateway, ready to be served.

    `demo_key` is the API key a request without a credential acts by (the demo only). `state`
    is what outlives a restart; without one, nothing does, as suits the demo.
    `wire` stands in for the network in tests, `store` is where clients are remembered;
    `clock` is the only one there is, in seconds, in place of both of the machine's.
    """
    clock = Clock() if clock is None else Clock.of(clock)
    state = state or in_memory(trusted=True)
    at_once = settings.upstream_at_once
    transport, budget = compose(
        wire
        or Wire(flights=at_once * 5 // 2, attempt_seconds=settings.upstream_timeout, clock=clock),
        clock=clock,
        limit=settings.upstream_limit,
        at_once=at_once,
        proven=ProvenCredentials(state.database),
    )
    rest = RestClients(transport, settings.upstream_url, clock=clock)
    recovering = Recovering(rest, lead=lambda: rest.lead)
    intents = Intents(state.database) if state.trusted else None
    keyed = KeyedClients(
        recovering, intents, secret=state.secret, clock=clock, vouched=budget.vouched
    )
    source: ClientSource = keyed
    answers = None
    if settings.cache:
        source = cached = CachedClients(
            source,
            store or MemoryStore(clock=clock, max_bytes=settings.cache_bytes),
            clock=clock,
            policy=_policy(settings),
            budget=budget.state,
            surplus=budget.refreshable,
        )
        budget.when_refused(cached.disown)
        answers = cached.answers
    graph = Graph(
        node_fields=settings.node_fields,
        introspection=settings.introspection,
        limits=_limits(settings),
        compiles=settings.compiled,
        cap=partial(_cap, settings, budget.state),
    )
    callers = Callers(
        secret=state.secret,
        now=time.time,
        proven=budget.vouched,
        refused=budget.refused,
        anonymous=_key(demo_key),
        service=_key(settings.api_key),
        token=settings.caller_token,
    )
    budget.trust(callers.own)
    pages = None
    if settings.graphiql:
        pages = playground(
            _DIST, headers={"X-API-Key": demo_key} if demo_key else {}, docs_url=DOCS_URL
        )
    cors = Cors(settings.cors_origins)
    repeats = Repeats(answers, callers, cors)
    service = GraphQLService(
        graph, source, callers, _terms(settings, graph), answers=answers, cors=cors, clock=clock
    )
    readiness = Readiness()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        readiness.ready = True
        expiring = None if intents is None else asyncio.create_task(intents.expire_hourly())
        try:
            yield
        finally:
            readiness.ready = False
            if expiring is not None:
                expiring.cancel()
            await keyed.aclose()
            await recovering.aclose()
            await transport.aclose()
            await state.database.aclose()

    doors = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # they would name the host that the request named
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    doors.include_router(health(readiness, budget.state))
    if pages is not None:
        doors.mount("/graphiql", pages)
        doors.router.routes.append(Route("/", RedirectResponse(GRAPHQL_PATH)))
    places = Places(GRAPHQL_PATH, GraphQLDoor(service, repeats), pages, doors)
    hosts = _hosts(settings, keyed=demo_key is not None or settings.acts_without_proof)
    return Gateway(places, cors, hosts, Direct(GRAPHQL_PATH, repeats, service, hosts))


def patience(settings: Settings) -> Patience:
    """How long whoever talks to the gateway may take."""
    return Patience(
        head=settings.timeout_head,
        body=settings.timeout_body,
        reading=settings.timeout_reading,
        idle=settings.timeout_idle,
        body_bytes=settings.limit_body,
        connections=settings.limit_connections,
        per_address=settings.limit_connections_per_address,
    )


def _hosts(settings: Settings, *, keyed: bool) -> Hosts:
    """Any name; local and configured ones where some are, or a key acts without proof (`keyed`)."""
    if not keyed and not settings.allowed_hosts:
        return Hosts()
    own = (settings.host,) if is_loopback(settings.host) else ()
    return Hosts((*LOCAL, *own, *settings.allowed_hosts))


def _limits(settings: Settings) -> Limits:
    return Limits(
        depth=settings.limit_depth,
        aliases=settings.limit_aliases,
        directives=settings.limit_directives,
        root_fields=settings.limit_root_fields,
        tokens=settings.limit_tokens,
        characters=settings.limit_document,
    )


def _policy(settings: Settings) -> Policy:
    return Policy(
        whole_collection_rows=settings.whole_rows,
        type_filter=None if settings.type_filter == "learn" else settings.type_filter,
    )


def _terms(settings: Settings, graph: Graph) -> Terms:
    return Terms(
        _persisted(settings, graph),
        body=settings.limit_body,
        bounds=Bounds(depth=settings.limit_variables_depth, string=settings.limit_string),
        in_flight=settings.limit_in_flight,
        fresh=Policy().fresh if settings.cache else 0,
    )


def _persisted(settings: Settings, graph: Graph) -> Persisted:
    """Raises `Misconfigured` for a file that holds what this graph cannot execute."""
    trusted: Mapping[str, str] = {}
    if settings.documents_file is not None:
        try:
            trusted = documents_in(settings.documents_file)
        except ValueError as error:
            raise Misconfigured(f"{PREFIX}DOCUMENTS_FILE: {error}") from None
    for id, text in trusted.items():
        found = graph.documents.read(text)
        if isinstance(found, Refused):
            reason = found.errors[0].message
            raise Misconfigured(f"{PREFIX}DOCUMENTS_FILE has {id}, which is refused: {reason}")
    return Persisted(Accepted(settings.documents), trusted, memory=settings.documents_memory)


def _cap(settings: Settings, budget: Callable[[], BudgetState]) -> int:
    """Calls that one operation may cost, given what is left of the window."""
    state = budget()
    scarce = state.remaining * 5 < state.limit
    return settings.operation_calls_scarce if scarce else settings.operation_calls


def _key(value: str | None) -> Credential | None:
    return None if value is None else Credential("X-API-Key", value)


class Gateway(Router):
    """The application, and what a server needs to answer without it."""

    def __init__(self, places: Places, cors: Cors, hosts: Hosts, direct: Direct) -> None:
        super().__init__(places, cors, hosts)
        self.direct = direct
        """Answers plain requests without ASGI."""
