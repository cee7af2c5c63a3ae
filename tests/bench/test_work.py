"""The workloads are sent to the real gateway, and a wrong answer is noticed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import orjson
import pytest

from bench import api
from bench.side import KEY
from bench.traffic import CALLERS, HOST, LINE, READS, Traffic
from bench.work import WORKS, Work
from gateway.app import create_app
from gateway.settings import load_settings
from gateway.transport.messages import Request, Response
from tests.wires import CoroutineTransport, page_of, respond


class StandIn(CoroutineTransport):
    """The API's stand-in, as files would be served."""

    def __init__(self) -> None:
        self.calls = 0

    async def handle(self, request: Request[Any]) -> Response:
        self.calls += 1
        rows = api.clients()
        id = urlsplit(request.target.url).path.removeprefix("/v1/clients").strip("/")
        data: Any
        if id:
            data = next(row for row in rows if row["id"] == id)
        else:
            page, limit = page_of(request)
            meta = {"page": page, "limit": limit, "total": len(rows)}
            data = {"clients": rows[(page - 1) * limit : page * limit], "meta": meta}
        return respond(200, content=orjson.dumps({"success": True, "data": data}))


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@contextlib.asynccontextmanager
async def before(stand_in: CoroutineTransport, *, cache: bool) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        load_settings(
            {},
            _env_file=None,
            cache=cache,
            upstream_rate_limit=10**9,
            max_aliases=50,
            max_root_fields=50,
            max_operation_cost=100,
        ),
        wire=stand_in,
        clock=asyncio.get_running_loop().time,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://gateway.test",
        headers={"X-API-Key": KEY},
    ) as client:
        yield client


@pytest.fixture
async def http(stand_in: StandIn) -> AsyncIterator[httpx.AsyncClient]:
    async with before(stand_in, cache=False) as client:
        yield client


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
async def test_the_gateway_answers_what_is_called_right(
    work: Work, http: httpx.AsyncClient
) -> None:
    bodies = work.bodies("connection")
    for index in {0, len(bodies) - 1}:
        answer = (await http.post("/graphql", json=bodies[index])).json()

        assert work.wrong("connection", index, answer) is None


@pytest.mark.parametrize("work", WORKS[:5], ids=lambda work: work.name)
async def test_an_answer_to_another_question_is_called_wrong(
    work: Work, http: httpx.AsyncClient
) -> None:
    answer = (await http.post("/graphql", json=work.bodies("connection")[0])).json()

    assert work.wrong("connection", 1, answer) is not None
    assert work.wrong("connection", 0, {"errors": [{"message": "no"}]}) is not None


class OwnStandIn(CoroutineTransport):
    """The stand-in of workload R, which filters and takes writes."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def handle(self, request: Request[Any]) -> Response:
        url = urlsplit(request.target.url)
        self.calls.append(request.method)
        rows = api.clients()[: api.OWN_ROWS]
        id = url.path.removeprefix("/v1/clients").strip("/")
        data: Any = next((row for row in rows if row["id"] == id), None)
        if not id:
            page, limit = page_of(request)
            wanted = dict(parse_qsl(url.query))
            for name in {"status", "client_type"} & wanted.keys():
                rows = [row for row in rows if row[name] == wanted[name]]
            meta = {"page": page, "limit": limit, "total": len(rows)}
            data = {"clients": rows[(page - 1) * limit : page * limit], "meta": meta}
        return respond(200, content=orjson.dumps({"success": True, "data": data}))


async def test_each_operation_of_the_app_is_answered_right() -> None:
    traffic, stand_in = Traffic(), OwnStandIn()
    bodies = traffic.bodies("connection")

    async with before(stand_in, cache=True) as http:
        for index, body in enumerate(bodies):
            answer = (await http.post("/graphql", json=body)).json()
            assert traffic.wrong("connection", index, answer) is None
            assert traffic.wrong("connection", (index + 1) % len(bodies), answer) is not None

    # The whole list; the list of buyers, for what the filter means; the write.
    assert stand_in.calls == ["GET", "GET", "PUT"]


def test_no_two_requests_of_the_app_have_the_same_head() -> None:
    lines = Traffic(requests=500).lines("connection").decode().splitlines()
    heads = [line.partition(LINE * 2)[0].split(LINE) for line in lines]

    assert len({head[6] for head in heads}) == len(heads) == 500
    assert all(head[6].startswith("traceparent: ") and head[1] == f"Host: {HOST}" for head in heads)
    assert 50 < len({head[4] for head in heads}) <= CALLERS
    assert sum("mutation" in line for line in lines) == 10
    assert 0 < sum("Connection: close" in head for head in heads) < 30
    assert len(READS) == 19


async def test_fifty_aliases_over_25_ids_cost_25_calls(
    http: httpx.AsyncClient, stand_in: StandIn
) -> None:
    fifty = next(work for work in WORKS if work.name == "W4")

    await http.post("/graphql", json=fifty.bodies("connection")[3])

    assert stand_in.calls == 25


async def test_fifty_aliases_cost_nothing_where_the_rows_are_held(stand_in: StandIn) -> None:
    listed, fifty = (next(work for work in WORKS if work.name == name) for name in ("W2", "W4"))

    async with before(stand_in, cache=True) as http:
        await http.post("/graphql", json=listed.bodies("connection")[0])
        calls = stand_in.calls
        answer = (await http.post("/graphql", json=fifty.bodies("connection")[0])).json()

    assert fifty.wrong("connection", 0, answer) is None
    assert stand_in.calls == calls
    assert answer["extensions"]["upstream"]["calls"] == 0
