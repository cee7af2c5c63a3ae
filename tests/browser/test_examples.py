"""The example in each tab, sent as it stands: a first visit meets no error and no empty result."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Running

EXAMPLES = Path(__file__).parents[2] / "gateway/web/graphiql/src/examples"


def run_example(demo: Running, name: str) -> dict[str, Any]:
    variables = EXAMPLES / f"{name}.json"
    question = {
        "query": (EXAMPLES / f"{name}.graphql").read_text(),
        "variables": json.loads(variables.read_text()) if variables.exists() else None,
    }
    answer = httpx.post(f"{demo.url}/graphql", json=question, trust_env=False)
    payload: dict[str, Any] = answer.raise_for_status().json()
    return payload


@pytest.mark.parametrize("name", sorted(file.stem for file in EXAMPLES.glob("[1-5]-*.graphql")))
def test_an_example_query_finds_what_it_asks_for(demo_gateway: Running, name: str) -> None:
    response = run_example(demo_gateway, name)
    (found,) = response["data"].values()

    assert "errors" not in response
    assert found if isinstance(found, list) else found.get("edges", found)
    assert None not in (found if isinstance(found, list) else [found])


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("6-create", "CreateClientSuccess"), ("8-delete", "DeleteClientSuccess")],
)
def test_an_example_mutation_succeeds(demo_gateway: Running, name: str, outcome: str) -> None:
    response = run_example(demo_gateway, name)
    (result,) = response["data"].values()

    assert "errors" not in response
    assert result["__typename"] == outcome


def test_the_example_update_succeeds_once_and_then_is_the_conflict_it_promises(
    demo_gateway: Running,
) -> None:
    first, second = (
        run_example(demo_gateway, "7-update")["data"]["updateClient"] for _ in range(2)
    )

    assert (first["__typename"], first["client"]["version"]) == ("UpdateClientSuccess", 2)
    assert second["__typename"] == "ClientVersionConflict"
    assert (second["expectedVersion"], second["currentVersion"]) == (1, 2)
    assert second["current"] == {
        name: value for name, value in first["client"].items() if name != "fullName"
    }


def test_the_sdl_example_shows_the_graph_and_costs_nothing(demo_gateway: Running) -> None:
    response = run_example(demo_gateway, "9-sdl")

    assert "type Client implements Node" in response["data"]["_service"]["sdl"]
    assert response["extensions"]["upstream"]["calls"] == 0


def test_every_example_is_run_here() -> None:
    assert sorted(file.stem for file in EXAMPLES.glob("*.graphql")) == [
        "1-active-buyers",
        "2-next-page",
        "2-search",
        "2-sort-and-count",
        "3-client",
        "4-node",
        "5-nodes",
        "6-create",
        "7-update",
        "8-delete",
        "9-sdl",
        "9-subscribe",
    ]
