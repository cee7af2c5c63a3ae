"""What idle subscribers take: memory, and nothing of what queries beside them get.

IDLE_CONNECTIONS sets their number: 5,000 in `make prove`.
"""

import contextlib
import json
import os
import resource
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Running, started

IDLE = int(os.environ.get("IDLE_CONNECTIONS", "400"))
MOST = 30.0
"""KiB of one connection."""
LEAST = 0.9
"""What is left of the queries for each second of CPU, beside them."""
MANY = 5_000
QUERIES, ROUNDS = 300, 10
KEYS = 10
SUBSCRIPTION = json.dumps({"query": "subscription { clientsChanged { kind clientId } }"}).encode()
STREAM = (
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Accept: text/event-stream\r\nX-API-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
)
WEBSOCKET = (
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nX-API-Key: %b\r\n\r\n"
)
RequestOf = Callable[[int], bytes]
INIT = b'{"type":"connection_init"}'


def framed(message: bytes) -> bytes:
    """A text frame as a client sends it, with a mask that changes nothing."""
    return b"\x81" + bytes([0x80 | len(message)]) + b"\0" * 4 + message


def key(number: int) -> bytes:
    return f"{number % KEYS:064x}".encode()


def stream(number: int) -> bytes:
    return STREAM % (key(number), len(SUBSCRIPTION), SUBSCRIPTION)


def websocket(number: int) -> bytes:
    message = b'{"type":"subscribe","id":"1","payload":%b}' % SUBSCRIPTION
    return WEBSOCKET % key(number) + framed(INIT) + framed(message)


def kibibytes(gateway: Running) -> int:
    """What is resident of its process."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def seconds(gateway: Running) -> float:
    """CPU that a query takes: the least of several rounds."""
    body = b'{"query":"{ __typename }"}'
    query = (
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"X-API-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (key(0), len(body), body)
    )
    ran = Path(f"/proc/{gateway.process.pid}/schedstat")
    taken = []
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 20) as wire:
        for _ in range(ROUNDS):
            began = int(ran.read_text().split()[0])
            for _ in range(QUERIES):
                wire.sendall(query)
                wire.recv(4096)
            taken.append((int(ran.read_text().split()[0]) - began) / 1e9 / QUERIES)
    return min(taken)


@contextlib.contextmanager
def connected(gateway: Running, requests: Iterable[bytes]) -> Iterator[None]:
    """A connection for each of these, which has been answered."""
    host, port = gateway.url.removeprefix("http://").split(":")
    with contextlib.ExitStack() as open_ones:
        for request in requests:
            wire = open_ones.enter_context(socket.create_connection((host, int(port)), 20))
            wire.sendall(request)
            if not wire.recv(4096).startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")):
                raise AssertionError
        yield


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    """A gateway with some subscribers already."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    limits = {
        "GATEWAY_MAX_CONNECTIONS": f"{2 * IDLE}",
        "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS": f"{2 * IDLE}",
        "GATEWAY_STATE_DIR": "none",
    }
    try:
        with (
            started("serve", folder=tmp_path, **limits) as gateway,
            connected(gateway, map(stream, range(50))),
            connected(gateway, map(websocket, range(50))),
        ):
            yield gateway
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


@pytest.mark.parametrize("request_of", [stream, websocket])
def test_an_idle_subscriber_takes_little_memory(gateway: Running, request_of: RequestOf) -> None:
    before = kibibytes(gateway)
    with connected(gateway, map(request_of, range(IDLE))):
        assert (kibibytes(gateway) - before) / IDLE <= MOST


if IDLE >= MANY:  # beside fewer, nothing is to be seen but the rest of the machine

    @pytest.mark.alone
    @pytest.mark.parametrize("request_of", [stream, websocket])
    def test_queries_beside_idle_subscribers_take_no_more_cpu(
        gateway: Running, request_of: RequestOf
    ) -> None:
        alone = seconds(gateway)
        with connected(gateway, map(request_of, range(IDLE))):
            beside = seconds(gateway)

        assert max(alone, seconds(gateway)) / beside >= LEAST
