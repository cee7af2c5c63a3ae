"""Outages behind one key, strangers who cannot shut the API, and writes that have their share."""

import asyncio
import hashlib
import logging
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, DEMO, GRACE
from gateway.transport.messages import Request, Response
from tests.clockwork import REAL
from tests.gateway.conftest import HERE, Gateway, before, settings
from tests.gateway.test_reading import NAME, truth
from tests.in_process import InProcess
from tests.wires import CoroutineTransport, respond

NO_SUCH = """mutation ($id: ID!) { deleteClient(input: {id: $id}) { __typename } }"""
SERVICE: dict[str, Any] = {"api_key": DEMO.api_key, "caller_token": "the token of the office"}
PROOF = {"X-Gateway-Token": SERVICE["caller_token"]}
COUNT = "{ clients(first: 5) { totalCount } }"


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Who executes an operation makes no difference here: once is enough."""


def code_of(answer: Any) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


async def test_an_outage_behind_one_service_key_gets_no_calls(sandbox: Sandbox) -> None:
    async with before(sandbox, **SERVICE) as gateway:
        sandbox.fail(Fault(status=500, times=1_000))
        codes = Counter[str]()
        for id in truth(sandbox)[:40]:
            body = {"query": NAME, "variables": {"id": id}}
            codes[
                code_of((await gateway.http.post("/graphql", json=body, headers=PROOF)).json())
            ] += 1
            await asyncio.sleep(0.1)

        assert codes == {"UPSTREAM_UNAVAILABLE": 40}
        assert len(sandbox.calls) <= 8

        sandbox.faults.clear()
        await asyncio.sleep(6)
        answer = await gateway.http.post("/graphql", json={"query": COUNT}, headers=PROOF)
        assert answer.json()["data"] == {"clients": {"totalCount": 42}}


async def test_one_record_that_fails_behind_a_service_key_keeps_no_caller_from_the_others(
    sandbox: Sandbox,
) -> None:
    bad, good = truth(sandbox)[:2]
    async with before(sandbox, **SERVICE) as gateway:
        sandbox.fail(Fault("GET", f"/clients/{bad}", status=500, times=1_000))
        for _ in range(10):
            body = {"query": NAME, "variables": {"id": bad}}
            assert code_of((await gateway.http.post("/graphql", json=body, headers=PROOF)).json())
        body = {"query": NAME, "variables": {"id": good}}
        answer = (await gateway.http.post("/graphql", json=body, headers=PROOF)).json()

    assert answer["data"]["client"] is not None


async def test_junk_tokens_that_the_api_fails_on_do_not_shut_it_for_a_good_caller(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await gateway.query(COUNT, key=ADA.api_key)
    unlike = Unlike(sandbox)
    junk = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(40)]
    served = 0
    async with unlike.gateway() as attacked:
        await attacked.query(COUNT, key=ADA.api_key)
        for number, key in enumerate(junk):
            await attacked.post(COUNT, key=key)
            id = sandbox.rows_of(ADA)[number % 20]["id"]
            answer = await attacked.post(NAME, key=ADA.api_key, id=id)
            served += "errors" not in answer
            await asyncio.sleep(1)

    assert served == 40
    assert unlike.failed <= 25


class Unlike(CoroutineTransport):
    """An API that answers 500 to every credential it does not know."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = InProcess(sandbox)
        self.failed = 0

    async def handle(self, request: Request[Any]) -> Response:
        response = await self._inner.handle(request)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        self.failed += 1
        return respond(500, json={"success": False})

    def gateway(self) -> "Attacked":
        return Attacked(self)


class Attacked:
    """A gateway before such an API."""

    def __init__(self, wire: Unlike) -> None:
        app = create_app(settings(), wire=wire, clock=asyncio.get_running_loop().time)
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE)

    async def __aenter__(self) -> Gateway:
        return Gateway(await self._http.__aenter__())

    async def __aexit__(self, *exc: object) -> None:
        await self._http.__aexit__()


async def test_pointless_writes_leave_the_window_to_the_others(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await gateway.query(COUNT, key=GRACE.api_key)
    await gateway.query(COUNT, key=ADA.api_key)
    sandbox.calls.clear()
    kinds = Counter[str]()
    for _ in range(500):
        answer = await gateway.post(NO_SUCH, key=ADA.api_key, id=str(uuid.uuid4()))
        kinds[answer["data"]["deleteClient"]["__typename"]] += 1

    assert kinds == {"ClientNotFound": 50, "ClientRateLimited": 450}
    assert len(sandbox.calls) == 50
    row = sandbox.rows_of(GRACE)[0]
    assert await gateway.query(NAME, key=GRACE.api_key, id=row["id"])


async def test_pointless_writes_of_one_who_is_alone_leave_something_to_who_comes(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await gateway.query(COUNT, key=ADA.api_key)
    for _ in range(500):
        await gateway.post(NO_SUCH, key=ADA.api_key, id=str(uuid.uuid4()))

    assert len(sandbox.calls) <= 80
    assert await gateway.query(COUNT, key=GRACE.api_key)


async def test_a_503_with_retry_after_holds_every_caller_and_is_reported(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await gateway.query(COUNT, key=ADA.api_key)
    await gateway.query(COUNT, key=GRACE.api_key)
    sandbox.calls.clear()
    sandbox.fail(Fault(status=503, times=1, headers={"Retry-After": "120"}))
    body = {"query": NAME, "variables": {"id": sandbox.rows_of(ADA)[9]["id"]}}
    first = await gateway.http.post("/graphql", json=body, headers={"X-API-Key": ADA.api_key})
    await asyncio.sleep(20)
    body = {"query": NAME, "variables": {"id": sandbox.rows_of(GRACE)[9]["id"]}}
    other = {"X-API-Key": GRACE.api_key, "Cache-Control": "no-cache"}
    second = await gateway.http.post("/graphql", json=body, headers=other)

    assert (code_of(first.json()), first.headers["Retry-After"]) == ("UPSTREAM_UNAVAILABLE", "120")
    assert (code_of(second.json()), second.headers["Retry-After"]) == (
        "UPSTREAM_UNAVAILABLE",
        "100",
    )
    assert len(sandbox.calls) == 1


async def test_a_first_answer_that_knows_no_end_of_its_window_costs_no_window(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    unknown = {"RateLimit-Remaining": "40", "RateLimit-Reset": "0"}
    sandbox.fail(Fault(times=1, headers=unknown))
    ids = [row["id"] for row in sandbox.rows_of(ADA)]
    await gateway.query(NAME, key=ADA.api_key, id=ids[0])
    await asyncio.sleep(2)

    answers = [await gateway.post(NAME, key=ADA.api_key, id=id) for id in ids[1:6]]

    assert ["errors" in answer for answer in answers] == [False] * 5
    assert answers[-1]["extensions"]["upstream"]["budget"]["remaining"] == sandbox.remaining


class TestTheLog:
    """Over a socket, in real time."""

    @pytest.fixture
    def anyio_backend(self) -> tuple[str, Mapping[str, Any]]:
        return REAL

    @pytest.fixture
    async def refused(self) -> int:
        """A port on which nothing listens."""
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return port

    async def test_says_once_a_minute_why_the_api_cannot_be_reached(
        self, refused: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = create_app(settings(upstream_url=f"http://127.0.0.1:{refused}/v1", **SERVICE))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
            with caplog.at_level(logging.WARNING, "gateway.ratelimit.outage_log"):
                for _ in range(8):
                    await http.post("/graphql", json={"query": COUNT}, headers=PROOF)

        assert [record.getMessage() for record in caplog.records] == [
            "the API cannot be reached: Connection refused (logged at most once a minute)",
            "the API only fails: calls are suspended for 5 s",
        ]
