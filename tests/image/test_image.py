"""The built image serves as an unprivileged user on a read-only root, and can build nothing."""

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import httpx
import orjson
import pytest

from gateway.sandbox.users import DEMO
from tests.e2e.conftest import Running, started
from tests.image.conftest import Image
from tests.packaging.recipes import ROOT, dockerfile

pytestmark = pytest.mark.background(seconds=90)
MEGABYTE = 1_000_000
ALLOWED = 150
"""Megabytes over the base image."""
BUILD_TOOLS = ("pip", "pip3", "npm", "node", "npx", "cc", "gcc", "g++", "ld", "make", "git", "uv")
QUERY = {"query": "{ clients(first: 3) { totalCount } }"}
KEY = {"X-API-Key": DEMO.api_key}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    with started("sandbox", folder=tmp_path) as command:
        yield command


@pytest.fixture
def gateway(image: Image, sandbox: Running, tmp_path: Path) -> Iterator[Running]:
    upstream = f"{sandbox.url}/v1"
    arguments = image.config["Cmd"]
    with image.running(
        *arguments, ready="Acts by", folder=tmp_path, GATEWAY_UPSTREAM_URL=upstream
    ) as command:
        yield command


def calls(sandbox: Running) -> list[str]:
    seen: list[str] = httpx.get(f"{sandbox.url}/_sandbox/calls", trust_env=False).json()
    return seen


def test_the_first_run_of_the_readme_works_in_it(demo: Running) -> None:
    pasted = re.search(r"curl .*?\n\n", demo.output, re.DOTALL)
    assert pasted is not None

    answer = subprocess.run(  # noqa: S603 - the line the demo printed
        shlex.split(pasted[0].replace("\\\n", " ")), capture_output=True, timeout=30, check=True
    )
    page = httpx.get(f"{demo.url}/graphql", headers={"Accept": "text/html"}, trust_env=False)

    assert len(orjson.loads(answer.stdout)["data"]["clients"]["edges"]) == 3
    assert "<title>Clients gateway</title>" in page.text


def test_it_serves_the_configured_api_and_keeps_its_state_in_the_volume(
    gateway: Running, sandbox: Running
) -> None:
    answer = httpx.post(f"{gateway.url}/graphql", json=QUERY, headers=KEY, trust_env=False)

    assert answer.json()["data"] == {"clients": {"totalCount": 42}}
    assert calls(sandbox) == ["GET /clients?page=1&limit=1"]
    assert "State     /var/lib/clients-gateway/state\n" in gateway.output


def test_a_request_in_flight_is_answered_after_sigterm(gateway: Running, sandbox: Running) -> None:
    fault = {"latency": 1.5, "times": 1}
    httpx.post(f"{sandbox.url}/_sandbox/faults", json=fault, trust_env=False)

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(
            httpx.post, f"{gateway.url}/graphql", json=QUERY, headers=KEY, trust_env=False
        )
        while not calls(sandbox):
            sleep(0.02)
        gateway.process.send_signal(signal.SIGTERM)

        assert sent.result().json()["data"] == {"clients": {"totalCount": 42}}
    assert gateway.process.wait(30) == 0


def test_its_user_is_not_root_and_can_write_nowhere_but_in_the_volume(image: Image) -> None:
    script = """if True:
        import json, os, pathlib, sys
        tried = {}
        for folder in ("/", "/opt/gateway", "/usr/local/lib", "/tmp", "/var/lib/clients-gateway"):
            try:
                pathlib.Path(folder, "new").touch()
                tried[folder] = "written"
            except OSError as error:
                tried[folder] = error.strerror
        print(json.dumps([os.getuid(), os.getgid(), os.getgroups(), tried]))"""

    uid, gid, groups, tried = json.loads(image.output("python", "-c", script))

    assert (uid, gid, groups) == (10001, 10001, [])
    assert {folder for folder, outcome in tried.items() if outcome == "written"} == {
        "/var/lib/clients-gateway"
    }
    assert set(tried.values()) == {"written", "Read-only file system"}


def test_its_health_check_succeeds_while_it_serves_and_fails_after(
    image: Image, gateway: Running
) -> None:
    (check,) = [step.rest for step in dockerfile() if step.word == "HEALTHCHECK"]
    command = json.loads(check.partition("CMD ")[2])
    probe = image.command(*command, GATEWAY_PORT=gateway.url.rpartition(":")[2])

    def healthy() -> bool:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0  # noqa: S603

    assert healthy()
    gateway.stop()
    assert not healthy()


def test_nothing_in_it_builds_or_installs(image: Image) -> None:
    script = f"import json, shutil; print(json.dumps([*map(shutil.which, {BUILD_TOOLS})]))"
    modules = "import json, importlib.util as u; print(json.dumps([*map(u.find_spec, {})]))"

    assert set(json.loads(image.output("python", "-c", script))) == {None}
    installers = ("pip", "ensurepip", "setuptools", "wheel")
    assert set(json.loads(image.output("python", "-c", modules.format(installers)))) == {None}


def test_it_holds_no_configuration_and_no_sources_of_the_machine_that_built_it(
    image: Image,
) -> None:
    packages = next(image.files.glob("opt/gateway/lib/python3.*/site-packages"))

    assert not list(packages.rglob("node_modules"))
    assert not (image.files / "src").exists()
    assert {path.name for path in image.files.iterdir()} - {
        path.name for path in image.base.iterdir()
    } == set()
    assert [each for each in image.config["Env"] if re.match("PIP|NPM|NODE|SSL", each)] == []


def test_its_version_is_the_one_of_its_label(image: Image) -> None:
    labels = image.config["Labels"]

    printed = image.output(*image.entrypoint, "--version")

    assert printed == f"clients-gateway {labels['org.opencontainers.image.version']}\n"
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert labels["org.opencontainers.image.revision"] == head


def test_it_is_small(image: Image) -> None:
    base, whole = size(image.base), size(image.files)

    print(f"\nthe image: {whole / MEGABYTE:.0f} MB, {(whole - base) / MEGABYTE:.0f} over its base")  # noqa: T201
    assert whole - base < ALLOWED * MEGABYTE


def size(folder: Path) -> int:
    """Return the bytes of all files."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink())
