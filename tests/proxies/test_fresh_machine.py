"""From deploy/ to a running pair by the commands of docs/deploying.md, as processes."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from gateway.server.uvicorn import Listener
from tests.browser.chromium import until
from tests.packaging.recipes import ROOT
from tests.serving import listening
from tests.skips import HAPROXY
from tests.valkey import servers

GUIDE = (ROOT / "docs/deploying.md").read_text()
LIST = {"query": "{ clients(first: 5) { totalCount } }"}


def commands(begin: str, end: str) -> str:
    """The lines of the guide from one on, up to another."""
    found = re.search(
        rf"^{re.escape(begin)}.*?(?=^{re.escape(end)})", GUIDE, re.DOTALL | re.MULTILINE
    )
    assert found, begin
    return found[0]


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """A path with the programs that the guide names."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "valkey-server").symlink_to(servers.program_of("valkey"))
    (folder / "haproxy").symlink_to(HAPROXY.path())
    (folder / "clients-gateway").symlink_to(Path(sys.executable).parent / "clients-gateway")
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def shell(script: str, folder: Path, **environment: str) -> Iterator[None]:
    """Run a script and what it starts, until the block ends."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - the guide's own commands
            ["bash", "-c", script],  # noqa: S607
            cwd=folder,
            env={"HOME": str(folder), **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        except TimeoutError:
            raise AssertionError((folder / "log").read_text()) from None
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.quiet(seconds=5)  # a server not given the machine is unreachable
def test_a_fresh_machine_runs_a_pair_by_the_documented_commands(
    tmp_path: Path, programs: str
) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    ports = {number: str(servers.free_port()) for number in ("6379", "8001", "8002", "443", "80")}
    proxy = tmp_path / "deploy/haproxy.cfg"
    text = proxy.read_text()
    for number in ("443", "80"):
        text = re.sub(rf"bind :{number}\b", f"bind 127.0.0.1:{ports[number]}", text)
    proxy.write_text(text)
    prepared = commands("cd deploy\nmkdir", "docker compose up")
    subprocess.run(["bash", "-ec", prepared], cwd=tmp_path, check=True, capture_output=True)  # noqa: S603, S607
    script = commands("export GATEWAY_VALKEY_URL", "```")
    for number in ("6379", "8001", "8002"):
        assert number in script
        script = script.replace(number, ports[number])
    script = script.replace("valkey-server", f"valkey-server --port {ports['6379']}")
    folder = tmp_path / "deploy"
    trust = ssl.create_default_context(cafile=folder / "secrets/certificate")

    sandbox = Sandbox()
    with (
        listening(lambda socket: Listener(sandbox, socket)) as api,
        shell(script, folder, PATH=programs, GATEWAY_UPSTREAM_URL=f"{api.url}/v1"),
        httpx.Client(
            base_url=f"https://localhost:{ports['443']}",
            verify=trust,
            trust_env=False,
            headers={"X-API-Key": DEMO.api_key},
        ) as client,
    ):
        answers = until(lambda: _both(client, ports), "both gateways")

    assert answers == [{"clients": {"totalCount": 42}}] * 2
    assert 1 <= len(sandbox.calls) <= 2


def _both(client: httpx.Client, ports: dict[str, str]) -> list[object] | None:
    """The answers to two requests, once both gateways share the budget."""
    try:
        for number in ("8001", "8002"):
            ready = httpx.get(f"http://127.0.0.1:{ports[number]}/readyz", trust_env=False)
            if ready.status_code != httpx.codes.OK or not ready.json()["budget"]["sharedReachable"]:
                return None
        return [client.post("/graphql", json=LIST).json()["data"] for _ in range(2)]
    except (httpx.TransportError, ValueError):
        return None
