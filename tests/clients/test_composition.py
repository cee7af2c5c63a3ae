"""The larger graph takes our subgraph: composed by both composers, which do not always agree."""

from pathlib import Path

import pytest

from schema.graph import Graph
from tests.clients.conftest import HERE, Program

FOLDER = HERE / "federation"
APPOINTMENTS = f"appointments=http://appointments.test={FOLDER / 'appointments.graphql'}"
LISTINGS = f"listings=http://listings.test={FOLDER / 'listings.graphql'}"
COMPOSERS = pytest.mark.parametrize("composer", ["apollo", "guild"])


def clients(folder: Path, *, node_fields: bool) -> str:
    """Our subgraph, in the form that the composing script takes."""
    sdl = folder / "clients.graphql"
    sdl.write_text(Graph(node_fields=node_fields).schema.as_str())
    return f"clients=http://clients.test={sdl}"


def composed(program: Program, composer: str, folder: Path, *subgraphs: str) -> str:
    supergraph = folder / "supergraph.graphql"
    program(FOLDER / "compose.mjs", composer, supergraph, *subgraphs)
    return supergraph.read_text()


@COMPOSERS
def test_the_schema_composes_beside_a_subgraph_that_holds_client_ids(
    composer: str, program: Program, tmp_path: Path
) -> None:
    ours = clients(tmp_path, node_fields=True)

    supergraph = composed(program, composer, tmp_path, ours, APPOINTMENTS)

    assert "type Client implements Node" in " ".join(supergraph.split())
    assert "appointments(" in supergraph
    assert supergraph.count('@tag(name: "personal")') == 3
    assert "@cost(weight: 1)" in supergraph
    assert "@listSize(" in supergraph


@COMPOSERS
def test_without_our_node_fields_it_composes_beside_another_owner_of_node(
    composer: str, program: Program, tmp_path: Path
) -> None:
    ours = clients(tmp_path, node_fields=False)

    supergraph = composed(program, composer, tmp_path, ours, APPOINTMENTS, LISTINGS)

    assert "type Listing" in supergraph
    assert supergraph.count("type PageInfo") == 1


@COMPOSERS
def test_two_owners_of_node_are_refused(composer: str, program: Program, tmp_path: Path) -> None:
    ours = clients(tmp_path, node_fields=True)

    output = program(FOLDER / "compose.mjs", composer, tmp_path / "never", ours, LISTINGS, status=1)

    assert "INVALID_FIELD_SHARING" in output
    assert '"Query.node"' in output
    assert not (tmp_path / "never").exists()
