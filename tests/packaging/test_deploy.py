"""What deploy/ starts is this gateway: its settings, its image, its ports, its probes."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway.app import LEAST_SECONDS, WRITE_SECONDS
from gateway.sandbox.users import DEMO
from gateway.server.uvicorn import DRAIN_SECONDS, LAST_SECONDS
from gateway.settings import PREFIX, Settings
from tests.e2e.conftest import Running, started
from tests.packaging.recipes import ROOT, stages, variable
from tests.proxies.reverse import Proxy
from tests.skips import CADDY

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
GATEWAY = re.compile(rf"\b{PREFIX}[A-Z_]+\b")
LAST = {step.word: step.rest for step in stages()[-1]}
KUBERNETES = DEPLOY / "kubernetes"


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def objects() -> dict[str, Any]:
    """The objects that the kustomization names, by kind."""
    names = loaded(KUBERNETES / "kustomization.yaml")["resources"]
    found = [loaded(KUBERNETES / name) for name in names]
    return {each["kind"]: each for each in found}


@pytest.mark.parametrize(
    "path", [*FILES, ROOT / "Dockerfile"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_name_of_a_setting_is_one(path: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}

    assert set(GATEWAY.findall(path.read_text())) <= known


def test_every_manifest_is_named_by_the_kustomization() -> None:
    files = {path.name for path in KUBERNETES.iterdir()} - {"kustomization.yaml"}

    assert files == set(loaded(KUBERNETES / "kustomization.yaml")["resources"])
    assert variable("KUBERNETES") == "$(wildcard deploy/kubernetes/*.yaml)"


def test_the_gateway_is_never_run_twice() -> None:
    deployment = objects()["Deployment"]["spec"]
    services = loaded(DEPLOY / "compose.yaml")["services"]

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert "deploy" not in services["gateway"]


def test_it_runs_as_the_images_user_on_a_read_only_root_without_privileges() -> None:
    pod = objects()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    gateway = loaded(DEPLOY / "compose.yaml")["services"]["gateway"]
    user, group = map(int, LAST["USER"].split(":"))

    security = pod["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (
        *(user, group),
        group,
    )
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (gateway["read_only"], gateway["cap_drop"]) == (True, ["ALL"])


def test_its_state_is_in_the_images_volume() -> None:
    pod = objects()["Deployment"]["spec"]["template"]["spec"]
    claim = objects()["PersistentVolumeClaim"]["metadata"]["name"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    compose = loaded(DEPLOY / "compose.yaml")

    assert f'["{mount["mountPath"]}"]' == LAST["VOLUME"]
    assert pod["volumes"] == [
        {"name": mount["name"], "persistentVolumeClaim": {"claimName": claim}}
    ]
    assert compose["services"]["gateway"]["volumes"] == [f"state:{mount['mountPath']}"]


def test_it_has_longer_to_end_than_it_takes_to_drain() -> None:
    pod = objects()["Deployment"]["spec"]["template"]["spec"]
    grace = loaded(DEPLOY / "compose.yaml")["services"]["gateway"]["stop_grace_period"]

    longest = DRAIN_SECONDS + LAST_SECONDS + LEAST_SECONDS
    assert longest <= 25, "what the documentation says"
    assert longest >= WRITE_SECONDS
    assert pod["terminationGracePeriodSeconds"] > 25
    assert int(grace.removesuffix("s")) > 25


def test_service_policy_and_probes_lead_to_the_port_that_the_image_listens_on() -> None:
    kinds = objects()
    (container,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    (service,) = kinds["Service"]["spec"]["ports"]
    (rule,) = kinds["NetworkPolicy"]["spec"]["ingress"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("liveness", "readiness")}
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]

    assert str(port["containerPort"]) == LAST["EXPOSE"]
    assert service["targetPort"] == port["name"] == rule["ports"][0]["port"]
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert [probes["liveness"]["path"], probes["readiness"]["path"]] == ["/livez", "/readyz"]
    assert kinds["Service"]["spec"]["selector"] == labels
    assert kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert kinds["Deployment"]["spec"]["selector"]["matchLabels"] == labels


def test_secrets_are_mounted_where_the_settings_look_for_them() -> None:
    overlay = loaded(DEPLOY / "compose.key.yaml")
    gateway = overlay["services"]["gateway"]

    assert list(gateway["environment"].values()) == [
        f"/run/secrets/{name}" for name in gateway["secrets"]
    ]
    assert list(overlay["secrets"]) == gateway["secrets"]


def keep_alive() -> str:
    environment = loaded(DEPLOY / "compose.yaml")["services"]["gateway"]["environment"]
    (variable,) = objects()["Deployment"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert variable["value"] == environment["GATEWAY_TIMEOUT_KEEP_ALIVE"]
    return str(variable["value"])


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    """The gateway as compose.yaml has it, over a sandbox."""
    with (
        started("sandbox", folder=tmp_path) as sandbox,
        started(
            "serve",
            folder=tmp_path,
            GATEWAY_UPSTREAM_URL=f"{sandbox.url}/v1",
            GATEWAY_TIMEOUT_KEEP_ALIVE=keep_alive(),
        ) as command,
    ):
        yield command


def test_the_proxy_keeps_connections_for_less_time_than_the_gateway() -> None:
    kept = re.search(r"keepalive (\d+)s", (DEPLOY / "Caddyfile").read_text())

    assert kept is not None
    assert int(kept[1]) < float(keep_alive())


def test_the_proxy_of_the_compose_file_answers_for_the_gateway(
    gateway: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    text = text.replace("admin off", "admin off\n\tpersist_config off\n\tdefault_bind 127.0.0.1")
    monkeypatch.setenv("GATEWAY", gateway.url.removeprefix("http://"))
    proxy = Proxy(
        CADDY,
        text.replace("{$SITE:localhost}", "http://127.0.0.1:PORT"),
        ("run", "--config", "{file}", "--adapter", "caddyfile"),
    )

    with proxy.before(0, tmp_path) as port:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/graphql",
            json={"query": "{ clients { totalCount } }"},
            headers={"X-API-Key": DEMO.api_key},
            trust_env=False,
        )

    assert answer.json()["data"] == {"clients": {"totalCount": 42}}


def test_caddy_finds_no_mistake_in_its_file(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own file
        [CADDY.path(), "validate", "--config", DEPLOY / "Caddyfile", "--adapter", "caddyfile"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "not formatted" not in done.stderr
