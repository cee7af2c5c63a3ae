"""Eight gateways cost what one costs: the trace of an office, sent to each in turn."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn

from bench.office import Question, callers, day
from bench.window import OLDEST, Office, Tally
from gateway.sandbox.api import Sandbox
from tests.e2e.conftest import started
from tests.valkey.servers import running
from tests.valkey.test_gateways import LEARNING, SECRET

pytestmark = pytest.mark.alone  # a gateway that is not given the machine counts as lost
GATEWAYS = 8
CALLERS = int(os.environ.get("SHARED_OFFICE_CALLERS", "10"))
SECONDS = float(os.environ.get("SHARED_OFFICE_SECONDS", "5"))
"""The real time in which a window's questions are sent."""


@contextmanager
def served(sandbox: Sandbox) -> Iterator[str]:
    """The sandbox on a port, in a thread of its own."""
    config = uvicorn.Config(sandbox, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/v1"
    server.should_exit = True
    thread.join()


class RoundRobin:
    """An ASGI application that hands each request to the next of several gateways."""

    def __init__(self, urls: Sequence[str], http: httpx.AsyncClient) -> None:
        self._urls, self._http = cycle(urls), http
        self.marked = 0
        """Answers that say that a gateway was not given the machine, or cut off."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        answer = await self._http.post(
            f"{next(self._urls)}{scope['path']}", content=(await receive())["body"], headers=headers
        )
        self.marked += b'"stale":true' in answer.content
        await send({"type": "http.response.start", "status": answer.status_code})
        await send({"type": "http.response.body", "body": answer.content})


class Course(NamedTuple):
    """What came of a trace."""

    tally: Tally
    calls: list[str]
    marked: int


async def sent_to_each(
    urls: Sequence[str], questions: Sequence[Question], seconds: float
) -> tuple[Tally, int]:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        robin = RoundRobin(urls, http)
        office = Office(robin, OLDEST)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for question in questions:
                await asyncio.sleep(begun + question.at * seconds / 900 - loop.time())
                tasks.create_task(office.ask(question))
    return office.tally, robin.marked


def is_reached(url: str) -> bool:
    """Whether a gateway reaches the server that it shares, if it shares one."""
    budget = httpx.get(f"{url}/readyz", trust_env=False).json()["budget"]
    return bool(budget.get("sharedReachable", True))


def trace(folder: Path, count: int, seconds: float = SECONDS, **settings: str) -> Course:
    """Send the trace to so many gateways, in so many seconds."""
    folder.mkdir(exist_ok=True)
    people = callers(CALLERS, seed=3, large=0)
    sandbox = Sandbox(people)
    questions = day(people, seed=3, windows=1)
    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        url = stack.enter_context(served(sandbox))

        def start(number: int) -> str:
            own = folder / f"{count}-{number}"
            own.mkdir()
            command = started("serve", folder=own, GATEWAY_UPSTREAM_URL=url, **settings)
            running = stack.enter_context(command)
            return f"http://{running.output.split('GraphQL')[1].split('//')[1].split('/')[0]}"

        urls = list(pool.map(start, range(count)))
        time.sleep(LEARNING)
        for each in urls:
            while not is_reached(each):
                time.sleep(0.1)
        tally, marked = asyncio.run(sent_to_each(urls, questions, seconds))
    return Course(tally, sandbox.calls, marked)


def test_eight_gateways_without_affinity_send_what_one_sends(tmp_path: Path) -> None:
    """A course in which a gateway was not given the machine is run again, in twice the time.

    Such a gateway reads for itself.
    """
    alone = trace(tmp_path, 1)
    with running("valkey", tmp_path) as server:
        for attempt in range(4):
            with server.client() as client:
                client.flushall()
            together = trace(
                tmp_path / f"{attempt}",
                GATEWAYS,
                SECONDS * 2**attempt,
                GATEWAY_VALKEY_URL=f"redis://127.0.0.1:{server.port}",
                GATEWAY_SECRET=SECRET,
            )
            assert together.tally.refused_reads <= alone.tally.refused_reads
            assert together.tally.refused_writes <= alone.tally.refused_writes
            if not together.marked:
                break
    assert not together.marked
    assert len(together.calls) <= 1.15 * len(alone.calls)
