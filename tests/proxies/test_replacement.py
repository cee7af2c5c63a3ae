"""Two gateways behind the proxy of deploy/, as processes, replaced one after the other."""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, DEMO, GRACE, DemoUser
from gateway.server.uvicorn import Listener
from tests.clockwork import REAL
from tests.e2e.conftest import Running, started
from tests.packaging.recipes import ROOT
from tests.proxies.reverse import Proxy
from tests.serving import listening
from tests.skips import CADDY
from tests.valkey import servers

pytestmark = pytest.mark.alone  # a server that is not given the machine counts as unreachable

CREATES = int(os.environ.get("REPLACEMENT_CREATES", "60"))
DELAY = "2.5"
"""Seconds: two health checks, and some more."""
LIMIT = 500
LIST = "{ clients(first: 5) { totalCount edges { node { id } } } }"
CREATE = """mutation ($name: String!, $key: String!) {
  createClient(input: {firstName: $name, lastName: "Lee", clientType: BUYER, idempotencyKey: $key})
  { __typename ... on CreateClientSuccess { client { firstName } } } }"""


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL


@dataclass
class Replicas:
    """The two gateways, each at its port."""

    folder: Path
    settings: dict[str, str]
    ports: list[int] = field(default_factory=lambda: [servers.free_port() for _ in range(2)])
    running: list[Running] = field(default_factory=list)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self, number: int) -> Running:
        port = str(self.ports[number])
        state = str(self.folder / f"state-{number}")
        command = started(
            *("serve", "--port", port),
            folder=self.folder,
            **{**self.settings, "GATEWAY_STATE_DIR": state},
        )
        return self._stack.enter_context(command)

    def replace(self, number: int) -> int:
        """Stop a gateway and start another in its place; the exit status of the first."""
        status = self.running[number].stop()
        self.running[number] = self.start(number)
        return status

    def ready(self, number: int) -> Any:
        """What a gateway says of itself."""
        at = f"http://127.0.0.1:{self.ports[number]}/readyz"
        return httpx.get(at, trust_env=False).json()

    def __enter__(self) -> Self:
        self.running = [self.start(number) for number in range(2)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(limit=LIMIT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replacement")


@pytest.fixture(scope="module")
def replicas(sandbox: Sandbox, folder: Path) -> Iterator[Replicas]:
    with (
        listening(lambda socket: Listener(sandbox, socket)) as api,
        servers.running("valkey", folder) as valkey,
        Replicas(
            folder,
            {
                "GATEWAY_UPSTREAM_URL": f"{api.url}/v1",
                "GATEWAY_VALKEY_URL": f"redis://127.0.0.1:{valkey.port}",
                "GATEWAY_SECRET": "a secret of more than thirty-two characters",
                "GATEWAY_TIMEOUT_KEEP_ALIVE": "75",
                "GATEWAY_SHUTDOWN_DELAY": DELAY,
            },
        ) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def proxy(replicas: Replicas, folder: Path) -> Iterator[str]:
    """The proxy with the configuration of the compose file, without TLS, on loopback."""
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    text = text.replace("admin off", "admin off\n\tpersist_config off\n\tdefault_bind 127.0.0.1")
    gateways = " ".join(f"127.0.0.1:{port}" for port in replicas.ports)
    caddy = Proxy(
        CADDY,
        text.replace("{$SITE:localhost}", "http://127.0.0.1:PORT"),
        ("run", "--config", "{file}", "--adapter", "caddyfile"),
    )
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("GATEWAYS", gateways)
        port = stack.enter_context(caddy.before(0, folder))
        yield f"http://127.0.0.1:{port}"


async def ask(
    http: httpx.AsyncClient, query: str, who: DemoUser = DEMO, **variables: Any
) -> tuple[int, Any]:
    response = await http.post(
        "/graphql",
        json={"query": query, "variables": variables},
        headers={"X-API-Key": who.api_key},
    )
    return response.status_code, response.json()


class Traffic:
    """Readers and writers that ask without a pause until they are stopped."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.on = True
        self.reads: Counter[str] = Counter()
        self.failures: list[object] = []
        self.created: list[str] = []

    async def read(self) -> None:
        while self.on:
            status, answer = await ask(self._http, LIST)
            good = status == 200 and answer.get("data", {}).get("clients", {}).get("totalCount")
            self.reads[str(bool(good))] += 1
            if not good:
                self.failures.append((status, answer))
            await asyncio.sleep(0.01)

    async def write(self, who: DemoUser, every: float) -> None:
        """Create clients, each by its own key, all through the replacement."""
        while self.on or len(self.created) < CREATES:
            name = f"{who.name}-{len(self.created)}"
            self.created.append(name)
            status, answer = await ask(self._http, CREATE, who, name=name, key=f"key of {name}")
            if status != 200 or "client" not in answer["data"]["createClient"]:
                self.failures.append((status, answer))
            await asyncio.sleep(every)


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_a_rolling_replacement_under_load_fails_no_request_and_loses_no_budget(
    replicas: Replicas, proxy: str, sandbox: Sandbox
) -> None:
    limits = httpx.Limits(max_keepalive_connections=20)
    async with httpx.AsyncClient(
        base_url=proxy, trust_env=False, timeout=20, limits=limits
    ) as http:
        await asyncio.sleep(2)  # a new server grants its first calls then
        traffic = Traffic(http)
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(traffic.read())
            for who in (ADA, GRACE):
                group.create_task(traffic.write(who, 0.2))
            await asyncio.sleep(1)
            statuses = [await asyncio.to_thread(replicas.replace, number) for number in range(2)]
            await asyncio.sleep(1)
            traffic.on = False

    assert statuses == [0, 0]
    assert traffic.failures == []
    assert traffic.reads["True"] > 100
    rows = Counter(row["first_name"] for who in (ADA, GRACE) for row in sandbox.rows_of(who))
    assert {name: rows[name] for name in traffic.created} == dict.fromkeys(traffic.created, 1)
    left = LIMIT - len(sandbox.calls)
    assert left > 0
    await until(
        lambda: [replicas.ready(n)["budget"]["remaining"] for n in range(2)] == [left, left]
    )


async def test_a_gateway_that_is_killed_takes_no_later_request_with_it(
    replicas: Replicas, proxy: str
) -> None:
    async with httpx.AsyncClient(base_url=proxy, trust_env=False, timeout=20) as http:
        before = await ask(http, LIST)
        replicas.running[0].stop(signal.SIGKILL)
        await asyncio.sleep(0.2)  # until the proxy has seen that its connections are closed
        after = [(await ask(http, LIST))[0] for _ in range(10)]

    assert before[0] == 200
    assert after == [200] * 10
