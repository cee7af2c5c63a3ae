"""Answers of the fast path, without the application: whole, in order, and like any other."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest

from gateway.sandbox.users import DEMO
from tests.e2e.conftest import Running, started
from tests.e2e.test_slow_clients import Client

QUERY = b'{"query":"{ clients(first: 2) { totalCount edges { node { id } } } }"}'
OTHER = b'{"query":"{ clients(first: 3) { totalCount } }"}'
NAMES = re.compile(rb"^(?:date|x-request-id|traceparent): .*\r\n", re.MULTILINE)
PASSING = re.compile(rb'"(?:oldestSeconds|resetSeconds)":\d+')


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("gateway")
    with (
        started("sandbox", folder=folder) as sandbox,
        started(
            "serve",
            folder=folder,
            GATEWAY_UPSTREAM_URL=f"{sandbox.url}/v1",
        ) as command,
    ):
        yield command


def post(body: bytes, *headers: str, content_type: str = "application/json") -> bytes:
    lines = [
        "POST /graphql HTTP/1.1",
        "host: localhost",
        f"x-api-key: {DEMO.api_key}",
        f"content-type: {content_type}",
        f"content-length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
async def client(gateway: Running) -> AsyncIterator[Client]:
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield Client(reader, writer)
    writer.close()


async def heard(client: Client) -> tuple[bytes, bytes]:
    """One answer's head and content."""
    head = await client.reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length
    return head, await client.reader.readexactly(int(length[1]))


async def exchange(client: Client, *pieces: bytes) -> tuple[bytes, bytes]:
    for piece in pieces:
        await client.says(piece)
        await asyncio.sleep(0.002 if len(pieces) > 1 else 0)
    return await heard(client)


async def known(client: Client, body: bytes = QUERY) -> tuple[bytes, bytes]:
    """The third answer: the first cost a call, the second was made of memory and is kept."""
    for _ in range(2):
        await exchange(client, post(body))
    return await exchange(client, post(body))


def lasting(answer: tuple[bytes, bytes]) -> tuple[list[bytes], bytes]:
    """What two answers to one question share."""
    head, content = answer
    return sorted(NAMES.sub(b"", head).lower().split(b"\r\n")), PASSING.sub(b"", content)


async def test_a_price_is_that_of_the_execution(client: Client) -> None:
    again = await known(client)
    executed = await exchange(client, post(QUERY, content_type="application/json; charset=utf-8"))

    assert lasting(again) == lasting(executed)
    assert orjson.loads(again[1])["extensions"]["upstream"]["calls"] == 0


async def test_it_is_the_same_wherever_the_request_is_cut(client: Client) -> None:
    right = lasting(await known(client))
    whole = post(QUERY)

    for cut in range(1, len(whole)):
        assert lasting(await exchange(client, whole[:cut], whole[cut:])) == right, whole[:cut]


async def test_each_bears_the_names_that_came_with_its_request(client: Client) -> None:
    await known(client)
    parent = f"00-{'4b' * 16}-{'b7' * 8}-01"

    named, _ = await exchange(client, post(QUERY, "x-request-id: mine", f"traceparent: {parent}"))
    unnamed = [(await exchange(client, post(QUERY)))[0] for _ in range(2)]

    assert b"x-request-id: mine\r\n" in named
    assert b"traceparent: 00-" + b"4b" * 16 in named
    assert len({re.findall(rb"x-request-id: (.+)\r", head)[0] for head in unnamed}) == 2


async def test_pipelined_they_come_in_order_among_others(client: Client) -> None:
    await known(client)
    unknown = b'{"query":"{ clients(first: %d) { totalCount edges { cursor } } }"}'
    requests = [QUERY, unknown % 4, QUERY, QUERY, unknown % 5, OTHER, QUERY]

    await client.says(b"".join(map(post, requests)))
    shapes = [set(orjson.loads((await heard(client))[1])["data"]["clients"]) for _ in requests]

    assert shapes == [
        {"totalCount"} if body is OTHER else {"totalCount", "edges"} for body in requests
    ]


async def test_what_is_not_known_is_answered_alike_however_it_came(client: Client) -> None:
    """In one piece, its head known or not, and in pieces: by three ways through the server."""
    await exchange(client, post(QUERY))
    fresh = "cache-control: no-cache"

    whole = await exchange(client, post(QUERY, fresh))
    known_head = [
        await exchange(client, post(b'{"query":"{ a%d: __typename }"}' % n)) for n in (1, 2)
    ]
    pieces = [
        await exchange(client, post(b'{"query":"{ a%d: __typename }"}' % n)[:cut], rest)
        for n, cut in ((1, 40), (2, -3))
        for rest in [post(b'{"query":"{ a%d: __typename }"}' % n)[cut:]]
    ]

    assert orjson.loads(whole[1])["extensions"]["upstream"]["calls"] == 1
    assert [lasting(one) for one in known_head] == [lasting(one) for one in pieces]


async def test_requests_that_come_while_one_is_being_answered_wait_for_it(client: Client) -> None:
    requests = [b'{"query":"{ clients(first: 1, offset: %d) { totalCount edges { cursor } } }"}' % n
             for n in range(40, 44)]  # fmt: skip
    await exchange(client, post(requests[0]))

    for body in requests[1:]:
        await client.says(post(body))
        await asyncio.sleep(0.001)
    cursors = [
        orjson.loads((await heard(client))[1])["data"]["clients"]["edges"] for _ in requests[1:]
    ]

    alone = [orjson.loads((await exchange(client, post(body)))[1]) for body in requests[1:]]
    assert cursors == [one["data"]["clients"]["edges"] for one in alone]


async def test_http_1_0_is_answered_and_hung_up_on(client: Client) -> None:
    await known(client)
    unknown = b'{"query":"{ old: __typename }"}'

    _, content = await exchange(client, post(unknown).replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert orjson.loads(content)["data"] == {"old": "Query"}
    assert await client.reader.read() == b""


async def test_a_connection_is_closed_after_it_for_who_asks_so(client: Client) -> None:
    right = lasting(await known(client))[1]

    head, content = await exchange(client, post(QUERY, "connection: close"))

    assert b"connection: close\r\n" in head.lower()
    assert PASSING.sub(b"", content) == right
    assert await client.reader.read() == b""


async def test_another_caller_does_not_get_it(client: Client) -> None:
    await known(client)
    stranger = post(QUERY).replace(DEMO.api_key.encode(), b"0" * 64)
    twice = post(QUERY, f"x-api-key: {DEMO.api_key}")
    anonymous = post(QUERY).replace(b"x-api-key", b"x-other-key")

    codes = [
        orjson.loads((await exchange(client, request))[1])["errors"][0]["extensions"]["code"]
        for request in (stranger, twice, anonymous)
    ]

    assert codes == ["UNAUTHENTICATED"] * 3


async def test_a_client_that_reads_late_gets_every_answer(client: Client) -> None:
    await known(client)

    requests = post(QUERY) * 3_000
    saying = asyncio.create_task(client.says(requests))
    await asyncio.sleep(0.3)
    answers = 0
    for _ in range(3_000):
        await heard(client)
        answers += 1
    await saying

    assert answers == 3_000
