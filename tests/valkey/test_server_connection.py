"""What a command costs when the server replies, stalls, or is cut off."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from gateway.storage.shared.contract import ServerUnreachable
from gateway.storage.shared.function_library import FunctionLibrary, budget_keys
from gateway.storage.shared.replies import FIELDS
from gateway.storage.shared.server_connection import ServerConnection
from tests.tcp_proxy import Fault, TcpProxy
from tests.valkey.servers import KINDS, Server, running

pytestmark = pytest.mark.quiet(seconds=5)  # a server not given the machine is unreachable
PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text("utf-8")
[RULES] = re.findall(r"`ACL SETUSER gateway (.+?)`", PAGE)
COMMON = ("500", "900.0", "gateway", "", "0", "0")


@asynccontextmanager
async def connected(port: int, user: str = "") -> AsyncIterator[ServerConnection]:
    connection = ServerConnection(
        f"redis://{user}127.0.0.1:{port}", FunctionLibrary(), budget_keys("connection")
    )
    yield connection
    await connection.aclose()


async def healed(connection: ServerConnection) -> None:
    while True:
        try:
            await connection.probe("retry", *COMMON, "1")
        except ServerUnreachable:
            await asyncio.sleep(0.05)
        else:
            return


async def test_the_functions_are_loaded_when_they_are_first_called(server: Server) -> None:
    with server.client() as client:
        client.function_flush()
    async with connected(server.port) as connection:
        await healed(connection)
        assert connection.is_reachable


async def test_the_access_that_the_docs_grant_is_all_that_the_functions_need(
    server: Server,
) -> None:
    commands = sorted(set(re.findall(r"redis\.call\('(\w+)'", FunctionLibrary().source)))
    with server.client() as client:
        client.function_flush()
        client.execute_command("ACL", "SETUSER", "gateway", "reset", *RULES.split())
        described = client.command()
        for command in commands:
            count = abs(described[command.lower()]["arity"]) - 1
            keys = ["clients-gateway:key"] * count
            verdict = client.execute_command("ACL", "DRYRUN", "gateway", command, *keys)
            assert (command, verdict) == (command, "OK")
    async with connected(server.port, "gateway:password@") as connection:
        await healed(connection)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stalled_server_costs_one_command_its_time_and_heals(
    kind: str, tmp_path: Path
) -> None:
    with running(kind, tmp_path) as server:
        async with connected(server.port) as connection:
            await healed(connection)
            server.stall()
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for _ in range(200):
                with pytest.raises(ServerUnreachable):
                    await connection.call("retry", *COMMON, "1")
            assert loop.time() - begun < 200 * 0.05 / 4
            server.resume()
            await healed(connection)
            await connection.call("retry", *COMMON, "1")


async def test_a_command_never_gets_the_reply_of_another_that_was_given_up(server: Server) -> None:
    chance = Random(1)
    async with connected(server.port) as connection:
        await healed(connection)
        for _ in range(150):
            given_up = asyncio.create_task(connection.probe("retry", *COMMON, "0"))
            await asyncio.sleep(chance.uniform(0, 0.001))
            given_up.cancel()
        await healed(connection)
        seen = 0.0
        for number in range(1, 50):
            try:
                reply = await connection.probe("beat", *COMMON, str(number), "-", "0", "0", "8", "")
            except ServerUnreachable:
                continue
            assert reply[FIELDS] == "lease"
            assert float(reply[0]) > seen
            seen = float(reply[0])
        assert seen


@pytest.mark.parametrize(
    "fault",
    [
        Fault(request_bytes=100, reset=True),
        Fault(response_bytes=10),
        Fault(swallow=True),
        Fault(delay=0.2),
    ],
    ids=["reset", "cut", "swallowed", "delayed"],
)
async def test_a_connection_that_fails_is_replaced(server: Server, fault: Fault) -> None:
    async with TcpProxy(server.port) as proxy, connected(proxy.port) as connection:
        proxy.fault = fault
        with pytest.raises(ServerUnreachable):
            await connection.call("retry", *COMMON, "1")
        proxy.fault = Fault()
        await healed(connection)
        assert await connection.call("retry", *COMMON, "1")
