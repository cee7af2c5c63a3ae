import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.cli.parser import SHELLS, parser
from gateway.sandbox.catalogue import FAULTS
from tests.e2e.conftest import COMMAND, Running, started

COMMANDS = re.findall(r"^    ([\w-]+)(?: {2,}|$)", parser().format_help(), re.MULTILINE)


def command(*arguments: str, folder: Path, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def shared_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A demo that several tests read from, and none changes."""
    with started("run", folder=tmp_path_factory.mktemp("demo")) as running:
        yield running


def test_the_printed_curl_line_answers_as_pasted(shared_demo: Running) -> None:
    begin = shared_demo.output.index("curl ")
    line = shared_demo.output[begin : shared_demo.output.index("\n\n", begin)]

    answer = subprocess.run(  # noqa: S603 - the line the demo printed
        shlex.split(line.replace("\\\n", " ")),
        capture_output=True,
        timeout=30,
        check=True,
    )

    assert len(orjson.loads(answer.stdout)["data"]["clients"]["edges"]) == 3


def test_the_bare_address_leads_a_browser_to_graphiql(shared_demo: Running) -> None:
    page = httpx.get(
        shared_demo.url, headers={"Accept": "text/html"}, follow_redirects=True, trust_env=False
    )

    assert (page.url.path, page.status_code) == ("/graphql", 200)
    assert "<title>Clients gateway</title>" in page.text


def test_the_demo_prints_where_its_metrics_and_its_status_page_are(tmp_path: Path) -> None:
    with started("run", folder=tmp_path, GATEWAY_METRICS_ADDRESS="127.0.0.1:0") as demo:
        found = dict(re.findall(r"^  (Metrics|Budget) +(\S+)$", demo.output, re.MULTILINE))

        for url in found.values():
            httpx.get(url, trust_env=False).raise_for_status()
    assert found.keys() == {"Metrics", "Budget"}


def test_the_demo_key_it_prints_is_the_caller_it_acts_for(shared_demo: Running) -> None:
    key = shared_demo.output.split("Demo key")[1].split()[0]
    query = {"query": "{ clients { totalCount } }"}

    with_key, without = (
        httpx.post(
            f"{shared_demo.url}/graphql", json=query, headers=headers, trust_env=False
        ).json()
        for headers in ({"X-API-Key": key}, {})
    )

    assert with_key["data"] == without["data"] == {"clients": {"totalCount": 42}}


def test_the_demo_gets_a_webhook_for_each_write_in_its_sandbox(demo: Running) -> None:
    create = """mutation {
      createClient(input: {firstName: "Eve", lastName: "New", clientType: BUYER}) { __typename }
    }"""
    httpx.post(f"{demo.url}/graphql", json={"query": create}, trust_env=False).raise_for_status()

    for _ in range(100):
        ready = httpx.get(f"{demo.url}/readyz", trust_env=False).json()
        if ready["freshness"]["proven"]:
            break
        time.sleep(0.05)

    assert f"Webhooks   {demo.url}/webhooks/clients" in demo.output
    assert ready["freshness"]["proven"] is True
    assert ready["webhooks"]["applied"] == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_both_cleanly(demo: Running, how: signal.Signals) -> None:
    httpx.get(f"{demo.url}/readyz", trust_env=False).raise_for_status()

    assert demo.stop(how) == 0


def test_a_lost_answer_to_a_create_is_found_again_by_reading(demo: Running) -> None:
    sandbox = demo.output.split("Sandbox")[1].split()[0].removesuffix("/v1/clients")

    def ask(query: str) -> Any:
        return httpx.post(f"{demo.url}/graphql", json={"query": query}, trust_env=False).json()

    httpx.post(f"{sandbox}/_sandbox/faults", json={"method": "POST", "lost": True}, trust_env=False)
    made = ask(
        """mutation { createClient(
          input: {firstName: "Jordan", lastName: "Lee", clientType: BUYER}
        ) { __typename ... on CreateClientSuccess { confirmedBy client { firstName } } } }"""
    )
    calls = httpx.get(f"{sandbox}/_sandbox/calls", trust_env=False).json()

    assert made["data"]["createClient"] == {
        "__typename": "CreateClientSuccess",
        "confirmedBy": "READBACK",
        "client": {"firstName": "Jordan"},
    }
    assert calls == ["POST /clients", "GET /clients?page=1&limit=100&client_type=buyer"]
    assert ask("{ clients { totalCount } }")["data"]["clients"]["totalCount"] == 43


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert command("--version", folder=tmp_path) == (
        0,
        f"clients-gateway {version('clients-gateway')}\n",
        "",
    )


def test_a_taken_port_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        status, _, errors = command("run", "--port", str(port), folder=tmp_path)

    assert status == 2
    assert errors.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors
    assert "GATEWAY_PORT, or --port" in errors


def test_a_command_whose_reader_has_left_ends_without_a_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, "sandbox", "--fault", "list"],
        cwd=tmp_path,
        env={},
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"GATEWAY_PROT": "1"}, "GATEWAY_PROT is not a setting"),
        ({"GATEWAY_UPSTREAM_URL": "nonsense"}, "GATEWAY_UPSTREAM_URL must be a URL"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example:99999"}, "must have a port from 1 to 65535"),
    ],
)
def test_a_wrong_setting_stops_serve_with_one_line(
    tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    status, out, errors = command("serve", folder=tmp_path, **environment)

    assert (status, out) == (2, "")
    assert errors.count("\n") == 1
    assert reason in errors


def test_serve_takes_what_compose_files_write_and_prints_an_address_to_follow(
    tmp_path: Path,
) -> None:
    with started(
        "serve",
        folder=tmp_path,
        GATEWAY_HOST="::1",
        GATEWAY_API_KEY="",
        GATEWAY_CORS_ORIGINS="",
        GATEWAY_TRUSTED_DOCUMENTS_FILE="",
        GATEWAY_UPSTREAM_URL="https://api.example/v1\n",
    ) as gateway:
        address = next(re.finditer(r"http://\[::1\]:\d+", gateway.output)).group()
        alive = httpx.get(f"{address}/livez", trust_env=False)

    assert alive.status_code == 200
    assert "API       https://api.example/v1\n" in gateway.output


def test_a_dotenv_file_in_utf_16_stops_serve_with_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("GATEWAY_PORT=9000\n".encode("utf-16"))

    status, out, line = command("serve", folder=tmp_path)

    assert (status, out, line.count("\n")) == (2, "", 1)
    assert ".env is not UTF-8" in line


def test_serve_answers_for_the_configured_api(shared_demo: Running, tmp_path: Path) -> None:
    sandbox = shared_demo.output.split("Sandbox")[1].split()[0].removesuffix("/clients")
    key = shared_demo.output.split("Demo key")[1].split()[0]
    query = {"query": "{ clients { totalCount } }"}

    def ask(url: str, **headers: str) -> Any:
        return httpx.post(f"{url}/graphql", json=query, headers=headers, trust_env=False).json()

    with started("serve", folder=tmp_path, GATEWAY_UPSTREAM_URL=sandbox) as gateway:
        assert ask(gateway.url, **{"X-API-Key": key})["data"]["clients"]["totalCount"] == 42
        assert ask(gateway.url)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        introspected = httpx.post(
            f"{gateway.url}/graphql",
            json={"query": "{ __schema { queryType { name } } }"},
            trust_env=False,
        ).json()
        assert "data" not in introspected
        page = httpx.get(f"{gateway.url}/graphql", headers={"Accept": "text/html"}, trust_env=False)
        assert page.status_code in {405, 406}


def test_the_service_credential_acts_for_those_who_know_the_token(
    shared_demo: Running, tmp_path: Path
) -> None:
    sandbox = shared_demo.output.split("Sandbox")[1].split()[0].removesuffix("/clients")
    key = shared_demo.output.split("Demo key")[1].split()[0]
    query = {"query": "{ clients { totalCount } }"}

    with started(
        "serve",
        folder=tmp_path,
        GATEWAY_UPSTREAM_URL=sandbox,
        GATEWAY_API_KEY=key,
        GATEWAY_CALLER_TOKEN="correct horse battery",
    ) as gateway:
        assert key not in gateway.output
        known, unknown = (
            httpx.post(f"{gateway.url}/graphql", json=query, headers=headers, trust_env=False)
            for headers in ({"X-Gateway-Token": "correct horse battery"}, {})
        )

    assert known.json()["data"]["clients"]["totalCount"] == 42
    assert unknown.status_code == 401


def test_the_schema_command_prints_the_checked_in_sdl(tmp_path: Path) -> None:
    held = Path("schema/schema.graphql").resolve()
    stale = tmp_path / "stale.graphql"
    stale.write_text("type Query { old: Int }\n")

    assert command("schema", folder=tmp_path) == (0, held.read_text("utf-8"), "")
    assert command("schema", "--check", str(held), folder=tmp_path) == (0, "", "")
    status, _, errors = command("schema", "--check", str(stale), folder=tmp_path)
    assert (status, "renew it with" in errors) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["schema", "--out", "missing/schema.graphql"], "cannot be used: No such file"),
        (["schema", "--out", "."], "cannot be used: Is a directory"),
        (["schema", "--check", "."], "cannot be used: Is a directory"),
        (["schema", "--check", "latin-1.graphql"], "is not the graph's SDL"),
    ],
)
def test_a_file_that_the_schema_command_cannot_use_is_one_line(
    tmp_path: Path, arguments: list[str], reason: str
) -> None:
    (tmp_path / "latin-1.graphql").write_bytes(b"# caf\xe9")

    status, out, errors = command(*arguments, folder=tmp_path)

    assert (status, out, errors.count("\n")) == (2, "", 1)
    assert reason in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "page.graphql", "--url"),
        ("webhook-test", "--url"),
        ("sandbox", "--webhook"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("url", ["localhost:8000/graphql", "http://localhost:x/", "http://[/"])
def test_an_argument_that_is_no_url_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], url: str
) -> None:
    status, out, errors = command(*arguments, url, folder=tmp_path)

    assert (status, out) == (2, "")
    assert f"{url!r} is not a URL like http://127.0.0.1:8000/" in errors


def test_a_module_run_as_a_script_is_the_same_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "A GraphQL gateway" in done.stdout


def test_connections_that_a_fault_drops_are_not_logged(tmp_path: Path) -> None:
    with started("sandbox", "--fault", "answer-lost", folder=tmp_path) as sandbox:
        key = sandbox.output.split("Demo key")[1].split()[0]
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(
                f"{sandbox.url}/v1/clients",
                json={"first_name": "A", "last_name": "B", "client_type": "buyer"},
                headers={"X-API-Key": key},
                trust_env=False,
            )
        assert sandbox.stop() == 0
        assert sandbox.process.stdout
        assert sandbox.process.stdout.read() == ""


def test_the_sandbox_misbehaves_as_its_command_says(tmp_path: Path) -> None:
    with started(
        "sandbox",
        "--fault",
        "total-zero",
        "--fault",
        "proxy-502:0.5",
        folder=tmp_path,
    ) as sandbox:
        key = sandbox.output.split("Demo key")[1].split()[0]
        answers = [
            httpx.get(f"{sandbox.url}/v1/clients", headers={"X-API-Key": key}, trust_env=False)
            for _ in range(2)
        ]

    assert [answer.status_code for answer in answers] == [200, 502]
    assert answers[0].json()["data"]["meta"]["total"] == 0
    assert "Fault     total-zero: meta.total is 0\n" in sandbox.output


def test_the_faults_are_listed_and_an_unknown_one_is_refused_in_one_line(tmp_path: Path) -> None:
    status, listed, _ = command("sandbox", "--fault", "list", folder=tmp_path)
    assert status == 0
    assert [line.split()[0] for line in listed.splitlines()] == list(FAULTS)

    status, out, line = command("sandbox", "--fault", "nonsense", folder=tmp_path)
    assert (status, out, line.count("\n")) == (2, "", 1)
    assert "'nonsense'" in line


def test_a_fault_of_webhooks_needs_an_address_to_which_they_are_sent(tmp_path: Path) -> None:
    status, out, line = command("sandbox", "--fault", "webhook-lost", folder=tmp_path)

    assert (status, out, line.count("\n")) == (2, "", 1)
    assert "--webhook" in line


def test_trusted_documents_may_be_in_the_home_directory(tmp_path: Path) -> None:
    (tmp_path / "documents.json").write_text('{"a": "{ nothing }"}')
    named = {"GATEWAY_TRUSTED_DOCUMENTS_FILE": "~/documents.json", "HOME": str(tmp_path)}

    status, _, line = command("config", "--check", folder=tmp_path, **named)
    assert (status, "Cannot query field 'nothing'" in line) == (2, True)


def test_config_prints_the_settings_and_check_fails_on_a_mistake(tmp_path: Path) -> None:
    documents = tmp_path / "documents.json"
    documents.write_text('{"a": "{ nothing }"}')
    wrong = {"GATEWAY_TRUSTED_DOCUMENTS_FILE": str(documents)}

    status, shown, _ = command("config", folder=tmp_path, GATEWAY_API_KEY="a1" * 32)
    assert (status, "a1a1" in shown) == (0, False)
    assert re.search(r"^GATEWAY_API_KEY +\*{8} +environment$", shown, re.MULTILINE)
    _, given, _ = command("config", folder=tmp_path, GATEWAY_TIMEOUT_WRITE="7.0")
    assert re.search(r"^GATEWAY_TIMEOUT_WRITE +7 +environment$", given, re.MULTILINE)

    valid = "The settings are valid, and so are the files that they name.\n"
    assert command("config", "--check", folder=tmp_path) == (0, valid, "")
    status, shown, line = command("config", "--check", folder=tmp_path, **wrong)
    assert (status, shown, line.count("\n")) == (2, "", 1)
    assert "Cannot query field 'nothing'" in line
    assert command("config", folder=tmp_path, GATEWAY_PROT="1")[0] == 2


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_script_names_every_command(tmp_path: Path, shell: str) -> None:
    status, script, line = command("completion", shell, folder=tmp_path)

    assert (status, line) == (0, "")
    assert all(name in script for name in ("serve", "explain", "variables"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_examples_of_it(tmp_path: Path, name: str) -> None:
    status, text, _ = command(name, "--help", folder=tmp_path)

    examples = text.partition("examples:\n")[2].splitlines()
    assert status == 0
    assert examples
    for example in examples:
        _, _, arguments = example.partition("clients-gateway ")
        assert parser().parse_args(shlex.split(arguments.partition(" > ")[0])).command == name


def test_the_doctor_prints_json_lines_for_programs(shared_demo: Running, tmp_path: Path) -> None:
    upstream = shared_demo.output.split("Sandbox")[1].split()[0].removesuffix("/clients")
    key = shared_demo.output.split("Demo key")[1].split()[0]

    status, printed, _ = command(
        *("doctor", "--json"), folder=tmp_path, GATEWAY_UPSTREAM_URL=upstream, GATEWAY_API_KEY=key
    )

    *findings, totals = map(json.loads, printed.splitlines())
    assert (status, totals["failures"]) == (0, 0)
    assert totals["requests"] == 9
    assert {tuple(finding) for finding in findings} == {
        ("subject", "severity", "found", "consequence")
    }
