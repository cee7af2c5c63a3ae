"""What is read once is read by all: eight gateways answer any number of reads in one window."""

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, cast

import orjson
import pytest

from bench.office import callers
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DemoUser
from gateway.server.uvicorn import Listener
from tests.e2e.conftest import started
from tests.serving import Serving, listening, post
from tests.valkey.servers import running
from tests.valkey.test_gateways import LEARNING, SECRET

pytestmark = pytest.mark.alone  # a gateway that is not given the machine counts as lost
READS = int(os.environ.get("SHARED_READS", "8000"))
GATEWAYS, CONNECTIONS, CALLERS, LIMIT = 8, 4, 40, 500
LIST = "{ clients(first: 5) { totalCount edges { node { id firstName } } } }"
CLIENT = "query ($id: ID!) { client(id: $id) { id email version } }"


class Question(NamedTuple):
    """A request, and what its answer begins with."""

    request: bytes
    answer: bytes


def questions(sandbox: Sandbox, who: DemoUser) -> Iterator[Question]:
    """A list and three clients of one caller."""
    rows = sandbox.rows_of(who)
    first = [{"node": {"id": row["id"], "firstName": row["first_name"]}} for row in rows[:5]]
    yield question(who, LIST, {"clients": {"totalCount": len(rows), "edges": first}})
    for row in rows[:3]:
        client = {name: row[name] for name in ("id", "email", "version")}
        yield question(who, CLIENT, {"client": client}, id=row["id"])


def question(who: DemoUser, query: str, data: object, **variables: object) -> Question:
    body = orjson.dumps({"query": query, "variables": variables})
    request = post(body, key=who.api_key)
    return Question(request, orjson.dumps({"data": data})[:-1])


class Reader(asyncio.Protocol):
    """A connection that asks one question after the other, and counts the answers."""

    def __init__(self, chosen: Iterator[Question], count: int) -> None:
        self._chosen, self._left = chosen, count
        self._received = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, content = self._received.partition(b"\r\n\r\n")
        if not ended or len(content) < int(head.partition(b"content-length: ")[2]):
            return
        if not content.startswith(self._question.answer):
            self.done.set_exception(AssertionError(self._received))
            self._transport.close()
            return
        self._received = b""
        self._left -= 1
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or EOFError())

    def _ask(self) -> None:
        if not self._left:
            self.done.set_result(None)
            self._transport.close()
            return
        self._question = next(self._chosen)
        self._transport.write(self._question.request)


def prove(ports: list[int], chosen: list[Question]) -> None:
    """Ask each question once, at one gateway after the other: many new callers wait for a turn."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Serving("127.0.0.1", port).connection()) for port in ports]
        for wire, each in zip(cycle(wires), chosen, strict=False):
            while not wire.ask(each.request).content.startswith(each.answer):
                time.sleep(0.05)


async def read(ports: list[int], chosen: list[Question], count: int) -> None:
    """Ask all gateways at once, by several connections each, each beginning at another question."""
    loop, readers = asyncio.get_running_loop(), []
    for number in range(CONNECTIONS * len(ports)):
        first = number * len(chosen) // (CONNECTIONS * len(ports))
        turn = cycle(chosen[first:] + chosen[:first])
        share = count // (CONNECTIONS * len(ports))
        port = ports[number % len(ports)]
        connected = partial(Reader, turn, share)
        _, reader = await loop.create_connection(connected, "127.0.0.1", port)
        readers.append(reader)
    await asyncio.gather(*(each.done for each in readers))


def test_any_number_of_reads_at_eight_gateways_is_inside_one_window(tmp_path: Path) -> None:
    people = callers(CALLERS, seed=5, large=0)
    sandbox = Sandbox(people, limit=LIMIT)
    chosen = [each for who in people for each in questions(sandbox, who)]
    with ExitStack() as stack, ThreadPoolExecutor(GATEWAYS) as pool:
        server = stack.enter_context(running("valkey", tmp_path))
        api = stack.enter_context(listening(lambda socket: Listener(sandbox, socket)))

        def start(number: int) -> int:
            own = tmp_path / f"{number}"
            own.mkdir()
            command = started(
                "serve",
                folder=own,
                GATEWAY_UPSTREAM_URL=f"{api.url}/v1",
                GATEWAY_VALKEY_URL=f"redis://127.0.0.1:{server.port}",
                GATEWAY_SECRET=SECRET,
            )
            output = stack.enter_context(command).output
            return int(output.partition("GraphQL")[2].partition("/graphql")[0].rpartition(":")[2])

        ports = list(pool.map(start, range(GATEWAYS)))
        time.sleep(LEARNING)
        prove(ports, chosen)
        asyncio.run(read(ports, chosen, READS))

    assert CALLERS <= len(sandbox.calls) <= LIMIT
