"""Every operation that we document, typed by graphql-codegen and compiled strictly; and our SDL
by the rules of graphql-eslint, and by graphql-inspector, which `make check` asks what changed."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from graphql import NameNode, OperationDefinitionNode, parse, print_ast

from tests.clients.conftest import BIN, HERE, Program
from tests.test_docs import examples

ROOT = HERE.parents[1]
OPERATIONS = HERE / "documents" / "build" / "operations"


def documents() -> Iterator[tuple[str, str]]:
    """Each document of the docs and of GraphiQL's tabs, and what its page is called."""
    for example in examples():
        yield Path(example.page).stem.title().replace("-", ""), example.query
    for file in sorted((ROOT / "gateway/web/graphiql/src/examples").glob("*.graphql")):
        yield "Tab", file.read_text()


def named() -> dict[str, str]:
    """Each document by a name of its own, which its operation bears; generated types need one."""
    found: dict[str, str] = {}
    for page, text in documents():
        document = parse(text)
        assert len(document.definitions) == 1, text
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        name = page + (operation.name.value if operation.name else "")
        while name in found:
            name += "Again"
        found[name] = print_ast(replace(operation, name=NameNode(value=name)))
    return found


def test_every_documented_operation_compiles_strictly(program: Program) -> None:
    shutil.rmtree(OPERATIONS.parent, ignore_errors=True)
    OPERATIONS.mkdir(parents=True)
    for name, text in named().items():
        (OPERATIONS / f"{name}.graphql").write_text(text)

    program(BIN / "graphql-codegen", "--config", "codegen.json", folder="documents")
    program(BIN / "tsc", folder="documents")


@pytest.mark.parametrize(
    ("page", "file"),
    [
        ("clients", "relay/relay.config.json"),
        ("clients", "apollo/cache.mjs"),
        ("clients", "urql/cache.mjs"),
        ("federation", "federation/gateway.config.mjs"),
        ("federation", "federation/apollo-router.mjs"),
    ],
)
def test_the_documented_configuration_is_the_one_run_here(page: str, file: str) -> None:
    language = {".json": "json", ".mjs": "js"}[Path(file).suffix]
    block = f"```{language}\n{(HERE / file).read_text()}```"

    assert block in (ROOT / "docs" / f"{page}.md").read_text()


def lint(program: Program, *more: str, status: int = 0) -> str:
    """From the root: ESLint lints nothing above the folder it is started in."""
    config = ("--config", HERE / "eslint.config.mjs")
    return program(
        *(BIN / "eslint", *config, *more, "schema/schema.graphql"), folder="../..", status=status
    )


def test_the_sdl_keeps_the_rules_for_schemas_and_for_relay(program: Program) -> None:
    assert lint(program) == ""


def test_a_rule_that_it_does_not_keep_is_reported(program: Program) -> None:
    rule = "@graphql-eslint/no-typename-prefix"

    output = lint(program, "--rule", f"{rule}: error", status=1)

    assert 'Field "clientType" starts with the name of the parent type' in output


def test_a_change_to_the_sdl_is_reported_with_what_it_breaks(
    program: Program, tmp_path: Path
) -> None:
    sdl = (ROOT / "schema/schema.graphql").read_text()
    changed = tmp_path / "changed.graphql"
    changed.write_text(sdl.replace("  firstName: String\n", "  givenName: String!\n"))
    held = ROOT / "schema/schema.graphql"

    output = program("diff.mjs", held, changed, status=1)

    assert "BREAKING: Field 'firstName' was removed from object type 'Client'" in output
    assert "NON_BREAKING: Field 'givenName' was added to object type 'Client'" in output
    assert program("diff.mjs", held, held) == f"0 changes to {held}\n"
