"""What the connection pool promises beyond the contract: connections are kept, and strictly."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.transport.connector import create_ssl_context
from gateway.transport.errors import RemoteProtocolError, TransportError, was_never_sent
from gateway.transport.messages import Response
from gateway.transport.pool import ConnectionPool
from tests.tcp_proxy import Fault, TcpProxy
from tests.upstream.transports.conftest import Upstream
from tests.upstream.transports.real import LOOPS, TRUTHS, builtin, ends_of_cuts, secured, send

pytestmark = pytest.mark.anyio  # early, so that the parametrized fixtures meet the real loop


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, Mapping[str, Any]]:
    backend: tuple[str, Mapping[str, Any]] = request.param
    return backend


@pytest.fixture
async def wire() -> AsyncIterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    await made.aclose()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(upstream.port) as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_kept_connection_closed_while_idle_costs_no_second_request(
    wire: ConnectionPool, upstream: Upstream, proxy: TcpProxy, method: str
) -> None:
    proxy.fault = Fault(response_bytes=len(upstream.answer))
    await send(wire, "GET", f"http://127.0.0.1:{proxy.port}/first")
    proxy.fault = Fault()

    answer = await send(wire, method, f"http://127.0.0.1:{proxy.port}/second")

    assert upstream.received.count(f"{method} /second") == (
        1 if isinstance(answer, Response) else 0
    )


async def test_a_connection_is_kept_and_the_last_one_used_is_used_again(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.pause = 0.02
    await asyncio.gather(*(send(wire, "GET", upstream.url) for _ in range(3)))
    upstream.pause = 0.0
    for _ in range(5):
        await send(wire, "POST", upstream.url)

    assert len(upstream.peers) == 3
    assert (sorted(upstream.over[:3]), len(set(upstream.over[3:]))) == ([1, 2, 3], 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_goodbye_is_heard_before_anything_is_written(
    wire: ConnectionPool, upstream: Upstream, method: str
) -> None:
    await send(wire, "GET", f"{upstream.url}/first")
    upstream.say_goodbye()
    answer = await send(wire, method, f"{upstream.url}/second")

    assert isinstance(answer, Response)
    assert upstream.received == ["GET /first", f"{method} /second"]
    assert upstream.over == [1, 2]


@pytest.mark.parametrize(
    "more",
    [
        b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"Keep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
async def test_a_connection_that_is_not_to_be_kept_is_not(
    wire: ConnectionPool, upstream: Upstream, more: bytes
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\n" + more
    answers = [await send(wire, "POST", upstream.url) for _ in range(2)]

    bodies = [answer.content for answer in answers if isinstance(answer, Response)]
    assert (bodies, upstream.over) == ([b"{}", b"{}"], [1, 2])


async def test_what_comes_between_requests_is_nobodys_answer(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    await send(wire, "GET", upstream.url)
    upstream.peers[0].write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    await asyncio.sleep(0.05)
    answer = await send(wire, "POST", upstream.url)

    assert isinstance(answer, Response)
    assert (answer.content, upstream.over) == (b"{}", [1, 2])


async def test_an_unused_connection_is_closed_in_time(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\n{}"
    await send(wire, "GET", upstream.url)
    began = time.monotonic()
    async with asyncio.timeout(5):
        while not upstream.peers[0].is_closing():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)

    assert time.monotonic() - began > 0.9
    assert isinstance(await send(wire, "GET", upstream.url), Response)
    assert upstream.over == [1, 2]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_kept_connection_dropped_on_the_request_is_not_used_to_send_it_twice(
    wire: ConnectionPool, upstream: Upstream, method: str
) -> None:
    upstream.hang_up = lambda count: count > 1
    await send(wire, "GET", f"{upstream.url}/first")

    error = await send(wire, method, f"{upstream.url}/second")

    assert isinstance(error, TransportError)
    assert not was_never_sent(error)
    assert upstream.received == ["GET /first", f"{method} /second"]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_wherever_a_kept_connection_is_cut_the_wire_tells_the_truth_and_sends_once(
    upstream: Upstream, proxy: TcpProxy, method: str, *, reset: bool
) -> None:
    ends = await ends_of_cuts(builtin, upstream, proxy, method, reset=reset, kept=True)

    assert {(0, "maybe sent"), (1, "maybe sent"), (1, "answered")} <= ends <= TRUTHS


async def test_many_at_once_take_a_connection_each_and_keep_them(upstream: Upstream) -> None:
    wire = builtin(max_in_flight=64)
    for _ in range(5):
        await asyncio.gather(*(send(wire, "GET", upstream.url) for _ in range(64)))
    await wire.aclose()

    assert len(upstream.peers) == 64


async def test_over_tls_a_connection_is_kept(upstream: Upstream, tmp_path: Path) -> None:
    async with secured(upstream, tmp_path) as url:
        context = create_ssl_context()
        context.load_verify_locations(tmp_path / "certificate.pem")
        wire = builtin(ssl_context=context)
        for _ in range(3):
            await send(wire, "GET", url)
        await wire.aclose()

    assert upstream.over == [1, 1, 1]


async def test_bare_line_ends_are_no_answer(wire: ConnectionPool, upstream: Upstream) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"

    assert isinstance(await send(wire, "GET", upstream.url), RemoteProtocolError)
