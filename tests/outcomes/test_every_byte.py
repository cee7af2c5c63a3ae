"""The connection is cut at every byte of a write: its caller gets the outcome that happened."""

import asyncio
import itertools
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import uvicorn

from gateway.api.stack import compose_source
from gateway.ratelimit.limiter import LimiterOptions
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault as SandboxFault
from gateway.sandbox.users import DemoUser
from gateway.transport.pool import ConnectionPool
from gateway.transport.transport import TransportLimits
from gateway.writes.recovery import RecoveringWriter
from schema.source.errors import ClientError, WriteUnconfirmed
from schema.source.records import ClientId
from schema.source.request_context import Caller, Credential, RequestContext
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult
from tests.clockwork import REAL
from tests.tcp_proxy import Fault, TcpProxy

SETTLED, LEAVING = DemoUser("Settled", 1), DemoUser("Leaving", 900)
GROWING = [DemoUser(f"Growing {number}", 0) for number in range(30)]
"""Offices with as many clients as a test needs; more than a page of new ones in a second, which
no window allows, cannot all be distinguished."""
PLENTY = 1_000_000
STEP = 100 // int(os.environ.get("CUT_PERCENT", "5"))
RUNS = {
    "closed": (Fault(), 1, 1),
    "reset": (Fault(reset=True), 1, STEP),
    "closed twice": (Fault(), 2, STEP),
}
"""How the connection is cut, on how many connections in a row, and every how many bytes."""

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL


class Cutting(TcpProxy):
    """Spoils the next `cuts` connections and no others."""

    cuts = 0

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.cuts:
            self.fault = Fault()
        self.cuts = max(0, self.cuts - 1)
        super()._accept(reader, writer)


@dataclass
class Api:
    """The sandbox on a real socket, and the proxy before it."""

    sandbox: Sandbox
    proxy: Cutting
    office: DemoUser = SETTLED

    async def write(
        self, call: Callable[[RecoveringWriter, RequestContext], Any], cut: Fault, cuts: int
    ) -> Any:
        """How a write ends for a gateway that knows nothing yet, not even of an outage."""
        url = f"http://127.0.0.1:{self.proxy.port}/v1"
        pool = ConnectionPool(TransportLimits(attempt_seconds=2))
        rest, limiter = compose_source(pool, url, LimiterOptions(limit=PLENTY))
        caller = Caller("office", Credential("X-API-Key", self.office.api_key))
        self.proxy.fault, self.proxy.cuts, self.proxy.connections = cut, cuts, 0
        try:
            return await call(
                RecoveringWriter(rest),
                RequestContext(caller, time.monotonic() + 10),
            )
        except ClientError as failure:
            return failure
        finally:
            await limiter.aclose()

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.sandbox.rows_of(self.office)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    sandbox = Sandbox([SETTLED, LEAVING, *GROWING], limit=PLENTY)
    # Each connection carries one request, so that it is this one which is cut.
    sandbox.fail(SandboxFault(times=PLENTY, headers={"Connection": "close"}))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(sandbox, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    async with Cutting(listening.getsockname()[1]) as proxy:
        yield Api(sandbox, proxy)
    server.should_exit = True
    await serving


@dataclass
class Ending:
    """What the caller received, and what is true of it."""

    verdict: str
    made: int


def verdict(end: Any) -> str:
    if isinstance(end, WriteResult):
        return end.confirmed_by.name
    if isinstance(end, Confirmation):
        return end.name
    return "unknown" if isinstance(end, WriteUnconfirmed) else "nothing happened"


TRUE = {("ANSWER", 1), ("READBACK", 1), ("unknown", 0), ("nothing happened", 0)}
"""Whatever was made is reported as made; what was not made never is."""


async def cut_everywhere(
    api: Api, run: str, write: Callable[[Fault, int, int], Any]
) -> Counter[tuple[str, int]]:
    """How often each end came, the cut walking through the request and then the response."""
    kind, cuts, step = RUNS[run]
    ends: Counter[tuple[str, int]] = Counter()
    numbers = itertools.count()
    walks: list[Callable[[int], Fault]] = [
        lambda length: replace(kind, request_bytes=length),
        lambda length: replace(kind, response_bytes=length),
    ]
    for cut in walks:
        for length in itertools.count(step=step):
            outcome = await write(cut(length), cuts, next(numbers))
            ends[outcome.verdict, outcome.made] += 1
            if outcome.verdict == "ANSWER" and api.proxy.connections == 1:
                break  # there was nothing left to cut
    return ends


@pytest.mark.parametrize("run", RUNS)
async def test_a_create_is_made_once_and_known_wherever_it_was_made(api: Api, run: str) -> None:
    async def create(cut: Fault, cuts: int, number: int) -> Ending:
        api.office = GROWING[number // 80]
        new = NewClient(f"Cut {number}", run, "buyer", email=f"cut-{number}@example.com")
        end = await api.write(lambda source, asking: source.create(asking, new), cut, cuts)
        made = [row["id"] for row in api.rows if row["first_name"] == f"Cut {number}"]
        if isinstance(end, WriteResult):
            assert made == [end.record.id]
        return Ending(verdict(end), len(made))

    ends = await cut_everywhere(api, run, create)

    assert set(ends) <= TRUE | ({("unknown", 1)} if run == "closed twice" else set()), ends
    assert ends["READBACK", 1] or run == "closed twice"
    assert ends["unknown", 0]
    clients = sum(len(api.sandbox.rows_of(office)) for office in GROWING)
    assert clients == sum(times for (_, made), times in ends.items() if made)


@pytest.mark.parametrize("run", RUNS)
async def test_a_change_is_made_once_and_known(api: Api, run: str) -> None:
    id = ClientId(api.rows[0]["id"])

    async def update(cut: Fault, cuts: int, number: int) -> Ending:
        [before] = api.rows
        email = f"{run[0]}{number}@example.com"
        patch = ClientPatch({"email": email}, expected_version=before["version"])
        end = await api.write(lambda source, asking: source.update(asking, id, patch), cut, cuts)
        [after] = api.rows
        assert (after["version"] - before["version"]) == (after["email"] == email)
        return Ending(verdict(end), after["version"] - before["version"])

    ends = await cut_everywhere(api, run, update)

    assert set(ends) <= TRUE, ends
    assert ends["READBACK", 1]
    assert bool(ends["unknown", 0]) == (run == "closed twice")


@pytest.mark.parametrize("run", RUNS)
async def test_a_deletion_is_made_and_known(api: Api, run: str) -> None:
    api.office = LEAVING

    async def delete(cut: Fault, cuts: int, number: int) -> Ending:
        del number
        id = ClientId(api.rows[0]["id"])
        before = len(api.rows)
        end = await api.write(lambda source, asking: source.delete(asking, id), cut, cuts)
        gone = all(row["id"] != id for row in api.rows)
        assert before - len(api.rows) == gone
        return Ending(verdict(end), int(gone))

    ends = await cut_everywhere(api, run, delete)

    assert set(ends) <= TRUE, ends
    assert ends["READBACK", 1]
    assert bool(ends["unknown", 0]) == (run == "closed twice")
