"""What a gateway reads while it is cut off from the server is not shown as the latest later on."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway
from tests.tcp_proxy import Fault, TcpProxy
from tests.valkey.servers import Server
from tests.valkey.test_gateways import LEARNING, gateways, until
from tests.valkey.test_shared_cache import CLIENT, cleared, marked

pytestmark = pytest.mark.quiet(seconds=10)  # a server not given the machine is unreachable


async def claims_to_be_latest(gateway: Gateway, id: str) -> bool:
    return not marked(await gateway.post(CLIENT, id=id))


async def read_again(gateway: Gateway, id: str) -> None:
    await gateway.http.post(
        "/graphql",
        json={"query": CLIENT, "variables": {"id": id}},
        headers={"X-API-Key": DEMO.api_key, "Cache-Control": "no-cache"},
    )


async def change_elsewhere(sandbox: Sandbox, row: Mapping[str, Any]) -> None:
    """Change a client as another program does."""
    transport = httpx.ASGITransport(app=sandbox)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as api:
        answer = await api.put(
            f"/v1/clients/{row['id']}",
            json={"phone": "+1 202 555 0100", "version": row["version"]},
            headers={"X-API-Key": DEMO.api_key},
        )
    assert answer.status_code == 200


async def test_a_reading_that_no_other_gateway_has_goes_back_at_none(server: Server) -> None:
    sandbox = Sandbox()
    cleared(server)
    row, beside = sandbox.rows_of(DEMO)[:2]
    seen: list[tuple[int, bool]] = []
    async with (
        TcpProxy(server.port) as proxy,
        gateways(sandbox, server, 2, proxy.port, server.port, cache=True) as (one, other),
    ):
        await asyncio.sleep(LEARNING)
        for gateway in (one, other):
            for each in (row, beside):
                await until(partial(claims_to_be_latest, gateway, each["id"]))
        proxy.fault = Fault(swallow=True)
        proxy.cut()
        await change_elsewhere(sandbox, row)
        await read_again(one, row["id"])
        proxy.fault = Fault()
        proxy.cut()

        async def show(gateway: Gateway) -> bool:
            answer = await gateway.post(CLIENT, id=row["id"])
            seen.append((answer["data"]["client"]["version"], marked(answer)))
            return seen[-1] == (row["version"] + 1, False)

        async def both_show() -> bool:
            return await show(one) and await show(other)

        await until(partial(claims_to_be_latest, one, beside["id"]))
        await until(both_show)

    latest = [version for version, is_marked in seen if not is_marked]
    assert latest == sorted(latest)
