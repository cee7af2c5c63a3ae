"""Introspection as installed tools read it: the programs as they are, over HTTP."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.sandbox.users import DEMO
from tests.clients.conftest import BIN, HERE, Program, places
from tests.e2e.conftest import Running, started

GQL3 = HERE / ".venv-gql3" / "bin"
ROOTS = {"Query", "Mutation"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started("run", folder=tmp_path_factory.mktemp("demo")) as running:
        yield running


def test_graphql_js_builds_and_validates_it_by_every_form_of_its_query(
    program: Program, demo: Running
) -> None:
    output = program("introspection/graphql-js.mjs", **places(demo))

    assert output.splitlines() == [
        f"{form}: 200 0 wrong createClient true"
        for form in ("as of graphql 14", "by default", "whole")
    ]


def test_graphql_codegen_downloads_it(program: Program, demo: Running, tmp_path: Path) -> None:
    output = tmp_path / "introspection.json"

    program(
        BIN / "graphql-codegen",
        "--config",
        "introspection/codegen.mjs",
        **places(demo),
        OUTPUT=str(output),
    )

    types = {each["name"] for each in json.loads(output.read_text())["__schema"]["types"]}
    assert types >= ROOTS | {"Client", "ClientConnection", "DateTime"}


@pytest.mark.parametrize("form", ["--json", ""], ids=["JSON", "SDL"])
def test_a_schema_download_of_graphql_14_reads_it(
    program: Program, demo: Running, form: str
) -> None:
    """As tutorials of Relay and Apollo have it, for their compilers."""
    key = f"X-API-Key={DEMO.api_key}"

    output = program(
        BIN / "get-graphql-schema", *filter(None, [form]), "-h", key, f"{demo.url}/graphql"
    )

    if form:
        types = {each["name"] for each in json.loads(output)["__schema"]["types"]}
        assert types >= ROOTS | {"Client", "ClientConnection", "DateTime"}
    else:
        assert "union CreateClientResult = CreateClientSuccess" in output


@pytest.fixture
def python(tell: Callable[[str], None]) -> Callable[..., str]:
    """Runs a program of the environment that has gql 3.5 and graphql-core 3.2."""
    if not (GQL3 / "python").exists():
        pytest.skip("gql 3.5 is not here: `make test` brings it")

    def run(command: str, *arguments: str | Path, **environment: str) -> str:
        done = subprocess.run(  # noqa: S603 - locked programs and a script of ours
            [GQL3 / command, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        tell(done.stdout)
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


def test_gql_3_5_with_graphql_core_3_2_asks_by_the_schema_it_fetched(
    python: Callable[..., str], demo: Running
) -> None:
    output = python("python", HERE / "introspection" / "gql3.py", **places(demo))

    assert output == f"graphql-core 3.2.6: [] True {{'clients': {{'totalCount': {DEMO.rows}}}}}\n"


def test_gql_cli_prints_the_schema(python: Callable[..., str], demo: Running) -> None:
    output = python(
        "gql-cli", f"{demo.url}/graphql", "--print-schema", "-H", f"X-API-Key:{DEMO.api_key}"
    )

    assert "union CreateClientResult = CreateClientSuccess" in output
