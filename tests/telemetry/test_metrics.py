import hashlib
import os
import secrets
from pathlib import Path

import httpx
import orjson
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.cli.metrics import bind_metrics
from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.users import DEMO
from gateway.server.uvicorn import bind
from gateway.settings import ConfigurationError, load_settings
from tests.serving import Way, post, serving
from tests.telemetry.mixed_trace import DELETE, ONE, mixed_trace
from tests.telemetry.samples import LIST, by, of, query, scrape

ADDRESS = "127.0.0.1:0"
CALLERS = int(os.environ.get("METRICS_CALLERS", "2000"))
UPSTREAM = "clients_gateway_upstream_requests_total"


def test_the_calls_counted_are_those_that_the_api_saw(way: Way) -> None:
    with serving(Sandbox(), way, metrics_address=ADDRESS) as gateway:
        with gateway.connection() as wire:
            answers = mixed_trace(wire, gateway.sandbox)
            samples = scrape(gateway)
        calls = list(gateway.sandbox.calls)

    assert by(samples, UPSTREAM, "method", "status", "outcome") == {
        ("GET", "200", "answered"): 2,
        ("GET", "404", "answered"): 2,
        ("GET", "429", "answered"): 1,
        ("GET", "502", "answered"): 1,
        ("GET", "", "lost"): 1,
        ("POST", "201", "answered"): 1,
        ("PUT", "200", "answered"): 1,
        ("PUT", "409", "answered"): 1,
        ("PUT", "", "lost"): 1,
        ("DELETE", "200", "answered"): 1,
    }
    for method in ("GET", "POST", "PUT", "DELETE"):
        seen = sum(call.startswith(f"{method} ") for call in calls)
        assert of(samples, UPSTREAM, method=method) == seen, calls
    assert of(samples, "http_client_request_duration_seconds_count") == len(calls)
    assert by(samples, "clients_gateway_writes_total", "kind", "outcome") == {
        ("create", "DONE"): 1,
        ("update", "DONE"): 2,
        ("update", "VERSION_CONFLICT"): 1,
        ("delete", "DONE"): 1,
    }
    assert by(samples, "clients_gateway_operations_total", "code") == {
        ("OK",): len(answers) - 5,
        ("BAD_USER_INPUT",): 2,
        ("UPSTREAM_UNAVAILABLE",): 1,
        ("UPSTREAM_BAD_RESPONSE",): 1,
        ("RATE_LIMITED",): 1,
    }
    assert of(samples, "http_server_request_duration_seconds_count") == len(answers)
    receipts = [each["extensions"]["upstream"] for each in answers if "extensions" in each]
    assert sum(receipt["calls"] for receipt in receipts) == len(calls)
    saved = sum(receipt["saved"] for receipt in receipts)
    assert of(samples, "clients_gateway_receipts_total", what="saved") == saved > 0


def test_the_alert_of_a_write_with_an_unknown_outcome_has_a_zero_to_increase_from() -> None:
    with serving(Sandbox(), Way.FAST, metrics_address=ADDRESS) as gateway:
        samples = scrape(gateway)

    written = {has: count for (name, has), count in samples.items() if "writes_total" in name}
    outcome = ("outcome", "WRITE_UNCONFIRMED")
    kinds = ("create", "update", "delete")
    assert written == {frozenset({("kind", kind), outcome}): 0 for kind in kinds}


def test_reads_writes_and_refusals_are_counted_by_what_became_of_them(way: Way) -> None:
    with serving(Sandbox(), way, metrics_address=ADDRESS) as gateway, gateway.connection() as wire:
        row = gateway.sandbox.rows_of(DEMO)[0]
        for _ in range(4):
            query(wire, LIST)
        query(wire, "{ nope }")
        query(wire, LIST, key="f" * 64)
        query(wire, LIST, key=None)
        for _ in range(2):
            query(wire, DELETE, variables={"id": row["id"]})
        samples = scrape(gateway)

    lookups = by(samples, "clients_gateway_cache_lookups_total", "kind", "result")
    assert lookups["list", "hit"] == 1
    assert of(samples, "clients_gateway_receipts_total", what="stored") == 2
    assert by(samples, "clients_gateway_refusals_total", "code") == {("BAD_USER_INPUT",): 1}
    assert by(samples, "clients_gateway_writes_total", "kind", "outcome") == {
        ("delete", "DONE"): 1,
        ("delete", "NOT_FOUND"): 1,
    }
    assert of(samples, "clients_gateway_connections_open") == 1
    assert of(samples, "clients_gateway_cache_bytes") > 0


def test_the_window_and_the_gate_are_shown_as_they_are() -> None:
    with (
        serving(Sandbox(), Way.FAST, metrics_address=ADDRESS) as gateway,
        gateway.connection() as wire,
    ):
        query(wire, ONE, variables={"id": gateway.sandbox.rows_of(DEMO)[0]["id"]})
        before = scrape(gateway)
        gateway.sandbox.fail(named("limited-429", times=1))
        query(wire, LIST)
        after = scrape(gateway)

    spent = len(gateway.sandbox.calls) - 1
    assert of(before, "clients_gateway_rate_limit_limit") == 500
    assert of(before, "clients_gateway_rate_limit_remaining") == 500 - spent
    assert 0 < of(before, "clients_gateway_rate_limit_reset_seconds") <= 901
    assert of(before, "clients_gateway_rate_limit_gate_open") == 1
    assert of(after, "clients_gateway_rate_limit_gate_open") == 0
    assert of(after, "clients_gateway_rate_limit_remaining") == 0
    assert of(after, UPSTREAM, status="429", priority="interactive") == 1


def test_an_operation_is_named_only_if_its_document_is_trusted(way: Way, tmp_path: Path) -> None:
    file = tmp_path / "trusted.json"
    file.write_bytes(orjson.dumps({hashlib.sha256(LIST.encode()).hexdigest(): LIST}))
    with (
        serving(Sandbox(), way, metrics_address=ADDRESS, trusted_documents_file=file) as gateway,
        gateway.connection() as wire,
    ):
        for _ in range(4):
            query(wire, LIST)
        query(wire, "query Mine { clients(first: 25) { totalCount } }")
        samples = scrape(gateway)

    assert by(samples, "clients_gateway_operations_total", "operation", "code") == {
        ("List", "OK"): 4,
        ("other", "OK"): 1,
    }


def test_no_label_holds_what_clients_choose(way: Way) -> None:
    secret = f"x{secrets.token_hex(4)}"
    with (
        serving(Sandbox(), way, metrics_address=ADDRESS, access_log=False) as gateway,
        gateway.connection() as wire,
    ):
        mixed_trace(wire, gateway.sandbox)
        before = set(scrape(gateway))
        for number in range(CALLERS if way is Way.FAST else 100):
            body = {"query": LIST, "operationName": f"{secret}{number}"}
            key = f"{number:064x}"
            wire.ask(post(orjson.dumps(body), f"x-request-id: {secret}{number}", key=key))
        for number in range(CALLERS // 100):
            document = (
                f"query {secret}{number} {{ clients(first: {number % 100 + 1}) {{ totalCount }} }}"
            )
            query(wire, document)
        samples = scrape(gateway)

    assert len(set(samples) - before) < 100
    assert not [has for _, has in samples if any(secret in value for _, value in has)]
    assert of(samples, "clients_gateway_operations_total", operation="other") > 100


def test_the_metrics_are_on_their_own_port_alone() -> None:
    with serving(Sandbox(), Way.FAST, metrics_address=ADDRESS) as gateway:
        assert gateway.metrics
        base = gateway.metrics.removesuffix("/metrics")

        assert httpx.get(f"{gateway.url}/metrics").status_code == 404
        assert httpx.post(f"{base}/graphql", json={"query": LIST}).status_code == 404
        assert httpx.post(gateway.metrics).status_code == 405


def test_the_port_of_clients_is_not_that_of_the_metrics() -> None:
    with bind("127.0.0.1", 0) as bound:
        address = f"0.0.0.0:{bound.getsockname()[1]}"

        with pytest.raises(ConfigurationError, match="GATEWAY_METRICS_ADDRESS must have ports"):
            bind_metrics(address, bound)


def test_each_worker_has_a_port_for_its_metrics() -> None:
    with (
        bind("127.0.0.1", 0) as bound,
        pytest.raises(ConfigurationError, match="must leave a port to each worker"),
    ):
        bind_metrics("127.0.0.1:65535", bound, 2)


def test_a_scraper_that_accepts_open_metrics_gets_them() -> None:
    with serving(Sandbox(), Way.FAST, metrics_address=ADDRESS) as gateway:
        assert gateway.metrics
        accept = {"accept": "application/openmetrics-text; version=1.0.0"}
        shown = httpx.get(gateway.metrics, headers=accept)

    assert shown.headers["content-type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(shown.text)  # type: ignore[no-untyped-call]
    names = {family.name for family in families}
    assert {"clients_gateway_upstream_requests", "process_cpu_seconds"} <= names
    assert "clients_gateway_event_loop_lag_seconds" in names


@pytest.mark.parametrize("wrong", ["9100", "localhost", "127.0.0.1:", "1.2.3.4:65536", "a b:1"])
def test_an_address_without_a_host_or_a_port_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="GATEWAY_METRICS_ADDRESS"):
        load_settings({}, _env_file=None, metrics_address=wrong)


@pytest.mark.parametrize("right", ["127.0.0.1:9100", "[::1]:9100", "localhost:0", "0.0.0.0:9100"])
def test_an_address_with_a_port_is_accepted(right: str) -> None:
    assert load_settings({}, _env_file=None, metrics_address=right).metrics_address == right
