"""Two gateways behind the proxy of deploy/, as processes, replaced one after the other."""

import asyncio
import contextlib
import signal
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import yaml

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, DEMO, GRACE, DemoUser
from gateway.server.uvicorn import Listener
from tests.clockwork import REAL
from tests.e2e.conftest import Running, started
from tests.packaging.recipes import ROOT
from tests.proxies.reverse import Proxy, own_certificate
from tests.serving import listening
from tests.skips import HAPROXY
from tests.valkey import servers

pytestmark = pytest.mark.quiet(seconds=12)  # a server not given the machine is unreachable

CREATES = 24
CHECKS, DELAY = "300ms", "0.9"
"""The interval of health checks, a third of that in deploy/, and seconds: two of them and more."""
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
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    options = services["valkey"]["command"][1:]
    with (
        listening(lambda socket: Listener(sandbox, socket)) as api,
        servers.running("valkey", folder, *options) as valkey,
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
def proxy(replicas: Replicas, folder: Path) -> Iterator[Callable[[], httpx.AsyncClient]]:
    """Makes clients of the proxy, which has the configuration of the compose file, on loopback."""
    text = (ROOT / "deploy" / "haproxy.cfg").read_text()
    text = text.replace("bind :80", f"bind 127.0.0.1:{servers.free_port()}")
    text = text.replace("inter 1s", f"inter {CHECKS}")
    haproxy = Proxy(
        HAPROXY, text.replace("bind :443", "bind 127.0.0.1:PORT"), ("-db", "-f", "{file}")
    )
    certificate = own_certificate(folder)
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("CERTIFICATE", str(certificate))
        for number, port in enumerate(replicas.ports, 1):
            patch.setenv(f"GATEWAY_{number}", f"127.0.0.1:{port}")
        port = stack.enter_context(haproxy.before(0, folder))
        yield partial(
            httpx.AsyncClient,
            base_url=f"https://localhost:{port}",
            verify=ssl.create_default_context(cafile=certificate),
            trust_env=False,
            timeout=20,
        )


async def ask(
    http: httpx.AsyncClient, query: str, who: DemoUser = DEMO, **variables: Any
) -> tuple[int, Any]:
    response = await http.post(
        "/graphql",
        json={"query": query, "variables": variables},
        headers={"X-API-Key": who.api_key},
    )
    if not response.headers["content-type"].startswith("application/"):
        return response.status_code, response.text  # the proxy's own
    return response.status_code, response.json()


class Traffic:
    """Readers and writers that ask without a pause until they are stopped."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.on = True
        self.reads = 0
        self.failures: list[object] = []
        self.created: list[str] = []

    async def read(self) -> None:
        while self.on:
            status, answer = await ask(self._http, LIST)
            if status != 200 or "errors" in answer:
                self.failures.append((status, answer))
            self.reads += 1
            await asyncio.sleep(0.01)

    async def write(self, who: DemoUser, every: float) -> None:
        """Create clients, each by its own key and sent twice, all through the replacement."""
        while self.on or len(self.created) < CREATES:
            name = f"{who.name}-{len(self.created)}"
            self.created.append(name)
            for _ in range(2):  # the second time at whichever gateway
                status, answer = await self._create(who, name)
                if status != 200 or "client" not in answer["data"]["createClient"]:
                    self.failures.append((status, answer))
            await asyncio.sleep(every)

    async def _create(self, who: DemoUser, name: str) -> tuple[int, Any]:
        """Create a client; again while the disk of a busy machine takes no record of it."""
        while True:
            status, answer = await ask(self._http, CREATE, who, name=name, key=f"key of {name}")
            errors = answer.get("errors") or [] if isinstance(answer, dict) else []
            if [error["extensions"]["code"] for error in errors] != ["IDEMPOTENCY_UNAVAILABLE"]:
                return status, answer


async def remaining(replicas: Replicas, expected: int, seconds: float = 5) -> list[int]:
    """What the gateways have left, once both have what is expected or time is up."""
    deadline = time.monotonic() + seconds
    found = [-1]
    while set(found) != {expected} and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        states = [await asyncio.to_thread(replicas.ready, number) for number in range(2)]
        found = [state["budget"]["remaining"] for state in states]
    return found


async def test_a_rolling_replacement_under_load_fails_no_request_and_loses_no_budget(
    replicas: Replicas, proxy: Callable[[], httpx.AsyncClient], sandbox: Sandbox
) -> None:
    async with proxy() as http:
        for _ in range(50):  # a new server grants no calls at first
            if "errors" not in (await ask(http, LIST))[1]:
                break
            await asyncio.sleep(0.2)
        traffic = Traffic(http)
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(traffic.read())
            for who in (ADA, GRACE):
                group.create_task(traffic.write(who, 0.1))
            await asyncio.sleep(1)
            statuses = [await asyncio.to_thread(replicas.replace, number) for number in range(2)]
            await asyncio.sleep(1)
            traffic.on = False

    assert statuses == [0, 0]
    assert traffic.failures == []
    assert traffic.reads > 100
    rows = Counter(row["first_name"] for who in (ADA, GRACE) for row in sandbox.rows_of(who))
    assert {name: rows[name] for name in traffic.created} == dict.fromkeys(traffic.created, 1)
    left = LIMIT - len(sandbox.calls)
    assert left > 0
    assert await remaining(replicas, left) == [left, left]


async def test_a_gateway_that_is_killed_takes_no_later_request_with_it(
    replicas: Replicas, proxy: Callable[[], httpx.AsyncClient]
) -> None:
    async with proxy() as http:
        before = await ask(http, LIST)
        replicas.running[0].stop(signal.SIGKILL)
        await asyncio.sleep(0.2)  # until the proxy has seen that its connections are closed
        after = [(await ask(http, LIST))[0] for _ in range(10)]

    assert before[0] == 200
    assert after == [200] * 10
