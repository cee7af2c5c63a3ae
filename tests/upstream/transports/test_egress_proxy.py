"""Calls through an egress proxy, which runs in a process of its own."""

import asyncio
import io
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from gateway.app import create_app
from gateway.cli.doctor import run_checks
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from gateway.settings import load_settings
from gateway.transport.connector import create_ssl_context
from gateway.transport.errors import ConnectError, NeverSent
from gateway.transport.httpx_transport import HTTPXTransport, open_network
from gateway.transport.messages import Response
from gateway.transport.transport import TransportLimits
from gateway.upstream_client import create_transport
from tests.clockwork import REAL
from tests.forward_proxy import running
from tests.tcp_proxy import Fault, TcpProxy
from tests.upstream.transports.conftest import Upstream
from tests.upstream.transports.real import secured, send, verdict

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL


@pytest.fixture
def trusting() -> ssl.SSLContext:
    """A context that comes to trust the certificate of `secured`."""
    return create_ssl_context()


def through(port: int, context: ssl.SSLContext, user: str = "", **limits: Any) -> HTTPXTransport:
    network = open_network(ssl_context=context, proxy=f"http://{user}127.0.0.1:{port}")
    return HTTPXTransport(network, TransportLimits(**limits))


async def test_a_call_in_the_clear_is_sent_to_the_proxy_in_absolute_form(
    upstream: Upstream, trusting: ssl.SSLContext
) -> None:
    async with running() as proxy:
        wire = through(proxy.port, trusting)
        answers = [await send(wire, "POST", f"{upstream.url}/v1/clients?a=b") for _ in range(2)]
        await wire.aclose()

    assert [answer.content for answer in answers if isinstance(answer, Response)] == [b"{}"] * 2
    assert proxy.lines == [f"POST {upstream.url}/v1/clients?a=b HTTP/1.1"] * 2
    assert upstream.received == ["POST /v1/clients?a=b"] * 2


async def test_a_call_over_tls_is_sent_through_a_tunnel_that_the_proxy_cannot_read(
    upstream: Upstream, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with secured(upstream, tmp_path) as url, running() as proxy:
        trusting.load_verify_locations(tmp_path / "certificate.pem")
        wire = through(proxy.port, trusting)
        answer = await send(wire, "PUT", f"{url}/v1/clients", headers={"X-API-Key": "k"})
        await wire.aclose()

    assert isinstance(answer, Response)
    assert proxy.lines == [f"CONNECT {url.removeprefix('https://')} HTTP/1.1"]
    assert upstream.received == ["PUT /v1/clients"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_proxy_that_is_not_there_means_never_sent(
    upstream: Upstream, trusting: ssl.SSLContext, method: str
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        wire = through(reserved.getsockname()[1], trusting)
        error = await send(wire, method, upstream.url)
        await wire.aclose()

    assert isinstance(error, ConnectError)
    assert upstream.received == []


async def test_a_proxy_that_wants_credentials_gets_those_of_its_address(
    upstream: Upstream, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with secured(upstream, tmp_path) as url, running("user:pass") as proxy:
        trusting.load_verify_locations(tmp_path / "certificate.pem")
        ends = []
        for user in ("user:pass@", "user:wrong@", ""):
            wire = through(proxy.port, trusting, user)
            ends.append(await send(wire, "POST", url))
            await wire.aclose()

    assert isinstance(ends[0], Response)
    assert [type(end) for end in ends[1:]] == [ConnectError, ConnectError]
    assert str(ends[1]) == "the proxy refused the connection: 407 Who Are You"
    assert upstream.received == ["POST /"]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_wherever_the_connection_to_the_proxy_is_cut_the_truth_is_known(
    upstream: Upstream, trusting: ssl.SSLContext, tmp_path: Path, *, reset: bool
) -> None:
    ends = set()
    async with secured(upstream, tmp_path) as url, running() as proxy, TcpProxy(proxy.port) as cut:
        trusting.load_verify_locations(tmp_path / "certificate.pem")
        numbers = itertools.count()
        for fault in (
            *(Fault(request_bytes=sent, reset=reset) for sent in range(0, 1500, 37)),
            *(Fault(response_bytes=got, reset=reset) for got in range(0, 3000, 67)),
        ):
            cut.fault = fault
            wire = through(cut.port, trusting, attempt_seconds=1)
            path = f"/{next(numbers):04}"
            end = await send(wire, "POST", url + path)
            await wire.aclose()
            await asyncio.sleep(0.01)
            ends.add((upstream.received.count(f"POST {path}"), verdict(end)))

    assert {(0, "never sent"), (1, "maybe sent"), (1, "answered")} <= ends
    assert ends <= {(0, "never sent"), (0, "maybe sent"), (1, "maybe sent"), (1, "answered")}


async def test_until_the_tunnel_is_open_nothing_was_sent(
    upstream: Upstream, trusting: ssl.SSLContext
) -> None:
    async with running() as proxy, TcpProxy(proxy.port) as cut:
        ends = []
        for fault in (Fault(swallow=True), Fault(response_bytes=5), Fault(request_bytes=20)):
            cut.fault = fault
            wire = through(cut.port, trusting, attempt_seconds=0.3)
            ends.append(await send(wire, "POST", upstream.url.replace("http:", "https:")))
            await wire.aclose()

    assert [isinstance(end, NeverSent) for end in ends] == [True] * 3


@pytest.fixture
async def sandbox() -> AsyncIterator[tuple[Sandbox, int]]:
    made = Sandbox()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(made, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    yield made, listening.getsockname()[1]
    server.should_exit = True
    await serving


async def test_the_gateway_calls_the_api_through_the_proxy_of_its_settings(
    sandbox: tuple[Sandbox, int],
) -> None:
    api, port = sandbox
    async with running("user:pass") as proxy:
        app = create_app(
            load_settings(
                {},
                _env_file=None,
                upstream_url=f"http://127.0.0.1:{port}/v1",
                upstream_client="httpx",
                upstream_proxy=f"http://user:pass@127.0.0.1:{proxy.port}",
            )
        )
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://gateway.test"
        ) as http:
            answer = await http.post(
                "/graphql",
                json={"query": "{ clients(first: 1) { edges { node { id } } } }"},
                headers={"X-API-Key": DEMO.api_key},
            )

    assert len(answer.json()["data"]["clients"]["edges"]) == 1
    assert len(api.calls) == 1
    assert [line.split("?")[0] for line in proxy.lines] == [
        f"GET http://127.0.0.1:{port}/v1/clients"
    ]


async def test_the_doctor_examines_the_api_through_the_proxy(
    sandbox: tuple[Sandbox, int],
) -> None:
    api, port = sandbox
    async with running() as proxy:
        chosen = load_settings(
            {},
            _env_file=None,
            upstream_client="httpx",
            upstream_proxy=f"http://127.0.0.1:{proxy.port}",
        )
        url = f"http://127.0.0.1:{port}/v1"
        transport = create_transport(chosen)
        out = io.StringIO()
        status = await run_checks(url, DEMO.api_key, transport, write=False, out=out)

    assert status == 0, out.getvalue()
    assert len(proxy.lines) == len(api.calls) > 5
