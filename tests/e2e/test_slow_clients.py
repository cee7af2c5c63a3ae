"""Clients that dawdle, and too many of them, over real sockets; with short deadlines."""

import asyncio
import contextlib
import resource
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.e2e.conftest import PATIENCE, Running, started

QUERY = b'{"query":"{ __typename }"}'
HEAD = b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
WHOLE = HEAD + b"content-length: %d\r\n\r\n%b" % (len(QUERY), QUERY)
CONNECTIONS = 12


class Client(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, data: bytes) -> None:
        self.writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def drips(self, data: bytes, every: float = 0.05) -> None:
        """Send it byte by byte, over and over, until the gateway has had enough."""
        while not self.writer.is_closing() and not self.reader.at_eof():
            for byte in data:
                await self.says(bytes([byte]))
                await asyncio.sleep(every)

    async def hears(self) -> bytes:
        """All that comes until the gateway closes the connection."""
        heard = b""
        with contextlib.suppress(ConnectionError):
            while piece := await asyncio.wait_for(self.reader.read(65_536), PATIENCE):
                heard += piece
        return heard

    async def hears_dripping(self, data: bytes) -> bytes:
        """All that comes while `data` is sent byte by byte, over and over, if there is any."""
        dripping = asyncio.create_task(self.drips(data) if data else asyncio.sleep(0))
        try:
            return await self.hears()
        finally:
            dripping.cancel()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(
        "run",
        folder=tmp_path_factory.mktemp("gateway"),
        GATEWAY_TIMEOUT_REQUEST_HEADERS="0.5",
        GATEWAY_TIMEOUT_REQUEST_BODY="0.5",
        GATEWAY_TIMEOUT_WRITE="0.5",
        GATEWAY_TIMEOUT_KEEP_ALIVE="0.5",
        GATEWAY_MAX_CONNECTIONS=str(CONNECTIONS),
    ) as command:
        yield command


@contextlib.asynccontextmanager
async def client(gateway: Running) -> AsyncIterator[Client]:
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def answers(gateway: Running) -> bool:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
        return (await http.post("/graphql", json={"query": "{ __typename }"})).status_code == 200


@pytest.mark.parametrize(
    "dripped",
    [
        b"",
        b"\r\n",
        b"GET / HTTP/1.1\r\n",
        HEAD + b"x: " + b"y" * 100_000,
    ],
    ids=["nothing", "empty lines", "a request line", "headers without end"],
)
async def test_a_head_that_does_not_arrive_is_hung_up_on(gateway: Running, dripped: bytes) -> None:
    async with client(gateway) as slow:
        heard = await slow.hears_dripping(dripped)

    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"code":"BAD_REQUEST"' in heard
    assert await answers(gateway)


async def test_a_body_that_does_not_arrive_is_hung_up_on(gateway: Running) -> None:
    async with client(gateway) as slow:
        await slow.says(HEAD + b"content-length: 100000\r\n\r\n{")
        heard = await slow.hears_dripping(b" ")

    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert heard.count(b"HTTP/1.1") == 1


async def test_a_chunked_body_that_does_not_end_is_hung_up_on(gateway: Running) -> None:
    async with client(gateway) as slow:
        await slow.says(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        heard = await slow.hears_dripping(b"1\r\n \r\n")

    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_the_second_request_of_a_connection_has_the_same_deadlines(gateway: Running) -> None:
    async with client(gateway) as slow:
        await slow.says(WHOLE + HEAD)
        heard = await slow.hears_dripping(b"x: y\r\n")

    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert heard.count(b"HTTP/1.1 408 Request Timeout\r\n") == 1


async def test_empty_lines_between_requests_keep_no_connection_open(gateway: Running) -> None:
    async with client(gateway) as slow:
        await slow.says(WHOLE)
        heard = await slow.hears_dripping(b"\r\n")

    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_an_idle_connection_is_closed_without_a_word(gateway: Running) -> None:
    async with client(gateway) as idle:
        await idle.says(WHOLE)
        heard = await idle.hears()

    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert heard.count(b"HTTP/1.1") == 1


async def test_it_idles_from_its_last_answer_on_however_many_there_were(gateway: Running) -> None:
    async with client(gateway) as busy:
        for _ in range(8):  # together longer than it may idle
            await busy.says(WHOLE)
            await asyncio.sleep(0.1)
        heard = await busy.hears()

    assert heard.count(b"HTTP/1.1 200 OK\r\n") == 8


async def test_a_whole_request_in_two_pieces_is_answered(gateway: Running) -> None:
    for cut in (1, 20, len(WHOLE) - len(QUERY), len(WHOLE) - 1):
        async with client(gateway) as halting:
            await halting.says(WHOLE[:cut])
            await asyncio.sleep(0.05)
            await halting.says(WHOLE[cut:])

            assert (await halting.hears()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_several_requests_in_one_piece_are_answered_in_turn(gateway: Running) -> None:
    async with client(gateway) as eager:
        await eager.says(WHOLE * 5)

        assert (await eager.hears()).count(b"HTTP/1.1 200 OK\r\n") == 5


async def test_headers_that_are_too_large_are_refused(gateway: Running) -> None:
    async with client(gateway) as large:
        for _ in range(10):
            await large.says(b"x: " + b"y" * 20_000 if _ else HEAD + b"x: ")
            await asyncio.sleep(0.01)
        heard = await large.hears()

    assert heard.startswith(b"HTTP/1.1 431 ")
    assert await answers(gateway)


async def test_a_large_body_is_no_large_head(gateway: Running) -> None:
    body = b'{"query":"{ __typename }"' + b" " * 100_000 + b"}"
    async with client(gateway) as large:
        await large.says(HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body))

        assert (await large.hears()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_client_that_does_not_read_is_let_go(gateway: Running) -> None:
    """It asks for more than any buffer holds and reads nothing of it."""
    query = b'{"query":"{ __schema { types { name description fields { name description } } } }"}'
    ask = HEAD + b"content-length: %d\r\n\r\n%b" % (len(query), query)
    host, port = gateway.url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.setblocking(False)  # noqa: FBT003
        await loop.sock_connect(deaf, (host, int(port)))

        async def only_asks() -> None:
            for _ in range(20_000):
                await loop.sock_sendall(deaf, ask)
                await asyncio.sleep(0.001)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(only_asks(), PATIENCE)

    assert await answers(gateway)


async def test_one_connection_too_many_gets_503_and_room_is_made_again(gateway: Running) -> None:
    async with contextlib.AsyncExitStack() as crowd:
        for _ in range(CONNECTIONS):
            await crowd.enter_async_context(client(gateway))
        await asyncio.sleep(0.1)
        async with client(gateway) as late:
            await late.says(WHOLE)
            heard = await late.hears()

    assert heard.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"retry-after: 1\r\n" in heard
    assert b'"code":"OVERLOADED"' in heard
    for _ in range(100):
        with contextlib.suppress(httpx.TransportError):
            if await answers(gateway):
                break
        await asyncio.sleep(0.05)
    assert await answers(gateway)


async def test_clients_that_reset_their_connection_leave_room_behind(gateway: Running) -> None:
    for _ in range(3 * CONNECTIONS):
        async with client(gateway) as rude:
            await rude.says(HEAD)
            rude.writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            rude.writer.transport.abort()
    await asyncio.sleep(0.1)

    assert await answers(gateway)


@pytest.fixture
def many_files() -> Iterator[None]:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_slow_clients_are_all_hung_up_on_while_others_are_answered(
    tmp_path: Path,
) -> None:
    with started(
        "run",
        folder=tmp_path,
        GATEWAY_TIMEOUT_REQUEST_HEADERS="3",
        GATEWAY_MAX_CONNECTIONS="2000",
        GATEWAY_MAX_CONNECTIONS_PER_ADDRESS="2000",
    ) as gateway:
        async with contextlib.AsyncExitStack() as crowd:
            slow = [await crowd.enter_async_context(client(gateway)) for _ in range(1_000)]
            for each in slow:
                each.writer.write(HEAD + b"x: ")
            meanwhile = [await answers(gateway) for _ in range(10)]
            heard = await asyncio.gather(*(each.hears() for each in slow))

    assert meanwhile == [True] * 10
    assert {line.partition(b"\r\n")[0] for line in heard} == {b"HTTP/1.1 408 Request Timeout"}
