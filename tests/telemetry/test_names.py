"""The names of the metrics: those of the code, of the documentation, of dashboard and alerts."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.server.http1.limits import ConnectionCounter, ConnectionLimits
from gateway.settings import load_settings
from gateway.telemetry.collector import GatewayCollector
from gateway.telemetry.loop_lag import LoopLag
from tests.serving import Way, serving
from tests.skips import PROMTOOL
from tests.telemetry.mixed_trace import mixed_trace

ROOT = Path(__file__).parents[2]
ALERTS, DASHBOARD = ROOT / "deploy/alerts.yaml", ROOT / "deploy/grafana.json"
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \|", re.MULTILINE)
NAME = re.compile(r"\b(?:clients_gateway|http)_[a-z_]+\b")
PARTS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


def families() -> Iterator[tuple[str, str, list[str]]]:
    """The name, the type and the labels of every metric of a gateway with a shared budget."""
    settings = load_settings(
        {},
        _env_file=None,
        metrics_address="127.0.0.1:0",
        valkey_url="valkey://127.0.0.1:1",
        secret="s" * 32,
        webhook_secrets="a secret of webhooks",
    )
    metrics = create_app(settings).metrics
    assert metrics is not None
    metrics.connections = ConnectionCounter(ConnectionLimits())
    for family in GatewayCollector(metrics, LoopLag()).collect():
        yield family.name, family.type, list(vars(family)["_labelnames"])


@pytest.fixture(scope="module")
def known() -> Mapping[str, list[str]]:
    """The labels of each sample, by its name."""
    return {f"{name}{part}": labels for name, kind, labels in families() for part in PARTS[kind]}


def test_the_documentation_names_every_metric_with_its_labels() -> None:
    page = (ROOT / "docs/operating.md").read_text()
    section = page[page.index("## Metrics") : page.index("## Status page")]
    written = {name: re.findall(r"`(\w+)`", labels) for name, labels in ROW.findall(section)}

    names = {"counter": "_total"}
    assert written == {f"{name}{names.get(kind, '')}": each for name, kind, each in families()}


def expressions() -> list[str]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    alerts = [rule["expr"] for group in groups for rule in group["rules"]]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    shown = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(alerts) > 5
    assert len(shown) > 10
    return alerts + shown


def test_alerts_and_dashboard_ask_for_metrics_and_labels_that_there_are(
    known: Mapping[str, list[str]],
) -> None:
    for expression in expressions():
        names = NAME.findall(re.sub(r"by \(.*?\)", "", expression))
        labels = [label for name in names for label in known[name]] + ["le", "instance", "job"]
        used = re.findall(r"[{,]\s*(\w+)\s*[=!]", expression)
        grouped = [
            each for found in re.findall(r"by \((.*?)\)", expression) for each in found.split(", ")
        ]
        assert set(used + grouped) <= set(labels), expression


def test_the_dashboard_has_a_panel_only_once_and_no_data_source_of_its_own() -> None:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in board["panels"]]

    assert len(ids) == len(set(ids))
    sources = {panel["datasource"]["uid"] for panel in board["panels"] if "datasource" in panel}
    assert sources == {"${datasource}"}
    assert [each["name"] for each in board["templating"]["list"]] == ["datasource", "instance"]


def test_every_expression_of_the_dashboard_can_be_evaluated(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "5m")}
        for number, each in enumerate(expressions())
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    run_promtool("check", "rules", file)


def test_promtool_finds_nothing_to_mend_in_the_exposition() -> None:
    with (
        serving(Sandbox(), Way.FAST, metrics_address="127.0.0.1:0") as gateway,
        gateway.connection() as wire,
    ):
        mixed_trace(wire, gateway.sandbox)
        assert gateway.metrics
        shown = httpx.get(gateway.metrics).text

    run_promtool("check", "metrics", given=shown)


def run_promtool(*arguments: str | Path, given: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - our own files
        [PROMTOOL.path(), *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    run_promtool("check", "rules", ALERTS)
    run_promtool("test", "rules", ROOT / "tests/telemetry/alerts_test.yaml")


def test_prometheus_reads_the_gateways_of_the_compose_file() -> None:
    file = ROOT / "deploy/prometheus.yaml"
    run_promtool("check", "config", "--syntax-only", file)
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    addresses = {
        f"{name}:{service['environment']['GATEWAY_METRICS_ADDRESS'].rpartition(':')[2]}"
        for name, service in services.items()
        if name.startswith("gateway-")
    }
    [job] = yaml.safe_load(file.read_text())["scrape_configs"]

    assert set(job["static_configs"][0]["targets"]) == addresses
