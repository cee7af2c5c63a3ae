"""Both ways of sending an answer: there are two, and a client cannot tell which it met."""

import asyncio
import re
import socket

import pytest

from gateway.sandbox.api import Sandbox
from gateway.server.uvicorn import bind
from tests.serving import Answer, Serving, Way, post, serving

LIST = b'{"query":"{ clients(first: 2) { totalCount edges { node { id } } } }"}'
OWN = {"date", "x-request-id", "traceparent"}


def lasting(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What does not differ between two answers to one request."""
    headers = {name: value for name, value in answer.headers.items() if name not in OWN}
    return (
        answer.status,
        headers,
        re.sub(rb'"(requestId|[a-z]+Seconds)":[^,}]+', b"", answer.content),
    )


@pytest.mark.parametrize(
    "request_",
    [
        post(LIST),
        post(LIST, "cache-control: no-cache"),
        post(b"{"),
        post(LIST, key=None),
        post(LIST, path="/nowhere"),
        b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ],
    ids=["a list", "a fresh list", "no JSON", "no credential", "an unknown path", "GET"],
)
def test_an_answer_is_the_same_by_both_ways(request_: bytes) -> None:
    results = []
    for way in Way:
        sandbox = Sandbox()
        with serving(sandbox, way) as gateway, gateway.connection() as wire:
            results.append([lasting(wire.ask(request_)) for _ in range(3)])

    assert results[0] == results[1]


def test_only_one_of_them_asks_the_application_for_what_is_plain(way: Way) -> None:
    """Or the other tests would prove one way twice: uvicorn itself writes the date last."""
    with serving(Sandbox(), way) as gateway, gateway.connection() as wire:
        wire.send(post(LIST))
        lines = [line.split(":")[0] for line in wire.answer().headers]

    assert (lines[0] == "date") is (way is Way.ASGI)


def test_a_price_is_the_same_by_both(gateway: Serving) -> None:
    with gateway.connection() as wire:
        statuses = [wire.ask(post(LIST)).status for _ in range(3)]

    assert statuses == [200] * 3
    assert gateway.sandbox.calls == ["GET /clients?page=1&limit=100"]


async def test_an_answer_in_two_segments_does_not_wait_for_an_acknowledgement() -> None:
    """asyncio leaves Nagle's algorithm on unless the listening socket names its protocol."""
    options: asyncio.Queue[int] = asyncio.Queue()

    async def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        options.put_nowait(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    bound = bind("127.0.0.1", 0)
    async with await asyncio.start_server(connected, sock=bound):
        _, writer = await asyncio.open_connection(*bound.getsockname())
        assert await options.get() == 1
        writer.close()
        await writer.wait_closed()
