"""`python -m bench.stages`: where the CPU of one request goes, stage by stage.

Each stage is run alone, with what is below it answering at once, and its CPU counted, threads
included. What a whole request takes beyond the sum of its stages is the door around them.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson
from cachetools import LRUCache
from uvicorn.loops.auto import auto_loop_factory

from bench import api
from bench.rig import Rig
from bench.side import KEY
from bench.work import WORKS
from gateway.api.stack import compose_source
from gateway.app import GRAPHQL_PATH, create_app
from gateway.cache.uncached import UncachedClientSource
from gateway.detached_tasks import DetachedTasks
from gateway.ratelimit.limiter import LimiterOptions
from gateway.settings import load_settings
from gateway.transport.messages import Headers, Request, Response
from gateway.transport.pool import ConnectionPool
from gateway.transport.transport import Transport, TransportLimits
from gateway.web.protocol.strict_json import JSONLimits
from gateway.web.request import parse_post
from gateway.writes.recovery import write_cost
from schema.context import Context
from schema.execution.documents import Document
from schema.execution.limits import Limits
from schema.execution.plan import ExecutionPlan
from schema.graph import Graph
from schema.source.records import ClientFilter
from schema.source.request_context import Caller, Credential, RequestContext

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Scope

    from bench.work import Work
    from gateway.api.source import RestClientSource
    from gateway.settings import Settings

TOGETHER = 16
"""Requests under way at once."""
LIMITS = Limits(aliases=50, root_fields=50)


@dataclass(frozen=True, slots=True)
class Stage:
    """CPU of one stage of one request, in microseconds."""

    name: str
    microseconds: float


HEADERS = Headers(
    [
        (b"server", b"nginx"),
        (b"content-type", b"application/json"),
        (b"connection", b"keep-alive"),
    ]
)


class Instant(Transport):
    """The API's stand-in without a network: each answer is there at once."""

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self._rows = api.clients() if rows is None else rows
        self._by_id = {row["id"]: row for row in self._rows}
        self._made: LRUCache[str, bytes] = LRUCache(2_000)

    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Answer as nginx would."""
        address = request.target.url
        content = self._made.get(address)
        if content is None:
            content = self._made[address] = orjson.dumps(
                {"success": True, "data": self._data(address)}
            )
        response = asyncio.get_running_loop().create_future()
        response.set_result(Response(200, HEADERS, content))
        return response

    async def aclose(self) -> None:
        """Do nothing."""

    def _data(self, address: str) -> Any:  # noqa: ANN401 - any JSON
        parts = urlsplit(address)
        id = parts.path.removeprefix("/v1/clients").strip("/")
        if id:
            return self._by_id[id]
        query = parse_qs(parts.query)
        page, limit = int(query["page"][0]), int(query["limit"][0])
        meta = {"page": page, "limit": limit, "total": len(self._rows)}
        return {"clients": self._rows[(page - 1) * limit : page * limit], "meta": meta}


def _settings(rig: Rig, *, cache: bool) -> Settings:
    return load_settings(
        {},
        _env_file=None,
        cache=cache,
        upstream_url=f"{rig.api}/v1",
        upstream_rate_limit=10**9,
        upstream_max_concurrency=400,
        upstream_max_queue=4_800,
        max_aliases=LIMITS.aliases,
        max_root_fields=LIMITS.root_fields,
    )


async def _cpu(
    work: Callable[[int], Awaitable[Any]], times: int, together: int = TOGETHER
) -> float:
    """Microseconds of CPU for one of `times`, the least of three goes."""

    async def priority(first: int) -> None:
        for number in range(first, times, together):
            await work(number)

    await asyncio.gather(*map(priority, range(together)))
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        await asyncio.gather(*map(priority, range(together)))
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def _now(work: Callable[[int], Any], times: int) -> float:
    for number in range(times):
        work(number)
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for number in range(times):
            work(number)
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def in_process(
    app: ASGIApp, bodies: list[bytes], key: str = KEY
) -> Callable[[int], Awaitable[Any]]:
    """Asks an application in process, as uvicorn would."""
    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json"),
        (b"x-api-key", key.encode()),
        (b"content-length", b"300"),
    ]

    async def ask(number: int) -> None:
        body = bodies[number % len(bodies)]
        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": GRAPHQL_PATH,
            "headers": headers,
            "query_string": b"",
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message.get("status", 200) != 200:
                raise RuntimeError(f"answered {message['status']}")

        await app(scope, receive, send)

    return ask


def fresh_document(query: str) -> float:
    """Return what parsing, limits and validation take for a document, in microseconds."""
    graph = Graph(limits=LIMITS, introspection=False)
    fresh = iter(range(10**9))
    return _now(lambda _: graph.documents.get(f"{query} # {next(fresh)}"), 20)


async def stages(rig: Rig, work: Work, times: int) -> list[Stage]:
    """Measure the stages of one workload. nginx must be up."""
    bodies = [orjson.dumps(body) for body in work.bodies("connection")]
    requests = [parse_post(body, "application/json", JSONLimits()) for body in bodies]
    results = [Stage("reading the request", _now(_reading(bodies), times))]

    graph = Graph(limits=LIMITS, introspection=False)
    query = requests[0].query or ""
    results.append(Stage("a document never seen: parse, limits, validate", fresh_document(query)))
    document = graph.documents.get(query)
    assert isinstance(document, Document)  # noqa: S101 - ours is valid
    results.append(
        Stage("a document seen before", _now(lambda _: graph.documents.get(query), times))
    )
    operation = graph._operation(document, None)  # noqa: SLF001 - the stage alone
    results.append(
        Stage(
            "a request never seen: plan",
            _now(lambda n: operation.plan(requests[n % len(requests)].variables), times),
        )
    )

    rest, _ = compose_source(Instant(), f"{rig.api}/v1", LimiterOptions(limit=10**9, at_once=64))
    uncached = UncachedClientSource(rest, rest, write_cost=write_cost, tasks=DetachedTasks())
    caller = Caller("bench", Credential("X-API-Key", KEY))

    async def run(number: int) -> Any:  # noqa: ANN401 - graphql-core's result
        planned = operation.plan(requests[number % len(requests)].variables)
        assert isinstance(planned, ExecutionPlan)  # noqa: S101 - ours is right
        return await graph.run(
            planned, Context(uncached, RequestContext(caller, time.monotonic() + 10))
        )

    result = await run(0)
    executed = await _cpu(run, times, 1)
    source = await _source(rest, caller, work, times)
    results += [
        Stage("transports and decoding", source),
        Stage("project", max(0.0, executed - source - results[-1].microseconds)),
        Stage("encode", _now(lambda _: orjson.dumps({"data": result.data}), times)),
    ]
    within = create_app(_settings(rig, cache=False), wire=Instant())
    whole = await _cpu(in_process(within, bodies), times, 1)
    results.append(Stage("a whole request, the API answering at once", whole))
    wire = ConnectionPool(TransportLimits(max_in_flight=1_000))
    app = create_app(_settings(rig, cache=False), wire=wire)
    with_wire = await _cpu(in_process(app, bodies), times)
    results += [
        Stage("the wire", with_wire - whole),
        Stage("a whole request, over the wire", with_wire),
    ]
    await wire.aclose()
    held = in_process(create_app(_settings(rig, cache=True), wire=Instant()), bodies)
    for number in range(len(bodies)):
        await held(number)
    results.append(Stage("a whole request, answered from what is held", await _cpu(held, times, 1)))
    return results


def _reading(bodies: list[bytes]) -> Callable[[int], Any]:
    bounds = JSONLimits()
    return lambda number: parse_post(bodies[number % len(bodies)], "application/json", bounds)


async def _source(rest: RestClientSource, caller: Caller, work: Work, times: int) -> float:
    """Measure what the source alone takes for the requests of `work`."""
    from schema.source.records import FIELDS, Window, client_id  # noqa: PLC0415
    from schema.source.request_context import Priority  # noqa: PLC0415

    ids = [id for row in api.clients() if (id := client_id(row["id"])) is not None]

    async def ask(number: int) -> None:
        operation = RequestContext(caller, time.monotonic() + 10)
        if work.name in {"W1", "W2"}:
            await rest.read_page(operation, ClientFilter(), Window(25 * (number % 40), 25), FIELDS)
        elif work.name in {"W3", "W3c"}:
            await rest.fetch(operation, [ids[number % 1000]], FIELDS, Priority.INTERACTIVE)
        elif work.name == "W4":
            begin = 25 * (number % 40)
            await rest.fetch(operation, ids[begin : begin + 25], FIELDS, Priority.INTERACTIVE)

    return await _cpu(ask, times, 1)


def table(rig: Rig) -> dict[str, list[Stage]]:
    """Return the stages of each workload. nginx must be up."""
    os.sched_setaffinity(0, {0})
    works = [work for work in WORKS if work.name in {"W1", "W3", "W4", "W5"}]
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return {
            work.name: runner.run(stages(rig, work, 200 if work.name == "W4" else 2_000))
            for work in works
        }


def lines(columns: Mapping[str, Sequence[Stage]]) -> list[str]:
    """Return a table in Markdown, a workload a column."""
    return [
        f"| CPU, µs | {' | '.join(columns)} |",
        f"|---|{'--:|' * len(columns)}",
        *(
            f"| {row[0].name} | {' | '.join(f'{each.microseconds:,.1f}' for each in row)} |"
            for row in zip(*columns.values(), strict=True)
        ),
    ]


def main() -> None:
    """Print the stage table."""
    rig = Rig()
    rig.ready()
    with api.running(rig):
        print("\n".join(lines(table(rig))))


if __name__ == "__main__":
    main()
