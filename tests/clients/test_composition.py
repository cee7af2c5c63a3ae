"""The larger graph takes our subgraph: composed by an independent implementation of Federation."""

import json
import subprocess
from pathlib import Path
from typing import TypedDict

import pytest

from tests.skips import NODE

HERE = Path(__file__).parent
SDL = HERE.parents[1] / "schema" / "schema.graphql"


class Composition(TypedDict):
    errors: list[str]
    supergraph: str | None


def compose(sdl: str) -> Composition:
    node = NODE.path()
    if not (HERE / "node_modules").exists():
        pytest.skip("the npm packages of tests/clients are not here: `make test` brings them")
    done = subprocess.run(  # noqa: S603 - a script of ours, text on its input
        [node, "compose.mjs"], cwd=HERE, input=sdl, capture_output=True, text=True, check=True
    )
    composition: Composition = json.loads(done.stdout)
    return composition


def test_the_schema_composes_alone() -> None:
    composition = compose(SDL.read_text())

    assert composition["errors"] == []
    assert "type Client" in (composition["supergraph"] or "")


def test_what_does_not_compose_is_reported() -> None:
    composition = compose("""
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
        type Query { client: Client }
        type Client @key(fields: "shoeSize") { id: ID! }
    """)

    assert composition["supergraph"] is None
    assert any("shoeSize" in error for error in composition["errors"])
