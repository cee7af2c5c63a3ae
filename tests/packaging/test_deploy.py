"""What deploy/ starts is this gateway: its settings, its image, its ports, its probes."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.server.lifespan import LEAST_SECONDS, WRITE_SECONDS
from gateway.server.uvicorn import DRAIN_SECONDS, LAST_SECONDS
from gateway.settings import PREFIX, Settings
from gateway.telemetry.traces.tracing import FLUSH_SECONDS
from tests.packaging.recipes import ROOT, stages, variable
from tests.proxies.reverse import own_certificate
from tests.skips import HAPROXY

DEPLOY = ROOT / "deploy"
PROXY = DEPLOY / "haproxy.cfg"
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


def gateways() -> list[Any]:
    """The gateways of the compose file."""
    services = loaded(DEPLOY / "compose.yaml")["services"]
    return [service for name, service in services.items() if name.startswith("gateway-")]


def test_no_two_gateways_run_without_a_shared_budget() -> None:
    deployment = objects()["Deployment"]["spec"]
    one, other = gateways()

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert one["environment"] == other["environment"]
    assert one["environment"]["GATEWAY_VALKEY_URL"] == "valkey://valkey:6379/0"
    assert "valkey" in loaded(DEPLOY / "compose.yaml")["services"]


def test_it_runs_as_the_images_user_on_a_read_only_root_without_privileges() -> None:
    pod = objects()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
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
    for gateway in gateways():
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
    mounted = [volume for gateway in gateways() for volume in gateway["volumes"]]
    assert mounted == [f"state-{number}:{mount['mountPath']}" for number in (1, 2)]
    assert {"state-1", "state-2", "valkey"} <= compose["volumes"].keys()


def test_it_has_longer_to_end_than_it_takes_to_drain() -> None:
    pod = objects()["Deployment"]["spec"]["template"]["spec"]

    longest = DRAIN_SECONDS + LAST_SECONDS + LEAST_SECONDS + FLUSH_SECONDS
    assert longest <= 25, "what the documentation says"
    assert longest >= WRITE_SECONDS
    assert pod["terminationGracePeriodSeconds"] > 25
    for gateway in gateways():
        delay = int(gateway["environment"]["GATEWAY_SHUTDOWN_DELAY"])
        assert int(gateway["stop_grace_period"].removesuffix("s")) > delay + 25


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
    for name in ("compose.yaml", "compose.key.yaml"):
        file = loaded(DEPLOY / name)
        for number in (1, 2):
            gateway = file["services"][f"gateway-{number}"]
            named = {key: at for key, at in gateway["environment"].items() if key.endswith("_FILE")}
            assert list(named.values()) == [f"/run/secrets/{name}" for name in gateway["secrets"]]
            assert set(gateway["secrets"]) <= file["secrets"].keys()


def test_kept_connections_outlive_those_of_a_proxy_wherever_there_is_one() -> None:
    (variable,) = objects()["Deployment"]["spec"]["template"]["spec"]["containers"][0]["env"]

    assert (variable["name"], variable["value"]) == ("GATEWAY_TIMEOUT_KEEP_ALIVE", "75")
    for gateway in gateways():
        assert gateway["environment"]["GATEWAY_TIMEOUT_KEEP_ALIVE"] == "75"


def test_a_gateway_takes_as_many_connections_of_the_proxy_as_it_opens() -> None:
    most = re.search(r"maxconn (\d+) resolvers", PROXY.read_text())

    assert most is not None
    for gateway in gateways():
        assert int(gateway["environment"]["GATEWAY_MAX_CONNECTIONS_PER_ADDRESS"]) > int(most[1])


@pytest.mark.parametrize("affinity", [False, True], ids=["as it is", "with affinity"])
def test_the_proxy_finds_no_mistake_in_its_file(tmp_path: Path, *, affinity: bool) -> None:
    text = PROXY.read_text()
    if affinity:
        text = text.replace("  balance leastconn\n", "").replace("# balance", "balance")
        text = text.replace("# hash-type", "hash-type")
        assert "\n  balance hdr(X-API-Key)\n  hash-type consistent\n" in text
    (tmp_path / "haproxy.cfg").write_text(text)
    certificate = own_certificate(tmp_path)
    environment = loaded(DEPLOY / "compose.yaml")["services"]["proxy"]["environment"]
    gateways = {"GATEWAY_1": "127.0.0.1:8001", "GATEWAY_2": "127.0.0.1:8002"}
    assert environment.keys() == gateways.keys() | {"CERTIFICATE"}

    done = subprocess.run(  # noqa: S603 - our own file
        [HAPROXY.path(), "-c", "-f", tmp_path / "haproxy.cfg"],
        env={**gateways, "CERTIFICATE": str(certificate)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout.strip()) == (0, "Configuration file is valid"), done.stderr
