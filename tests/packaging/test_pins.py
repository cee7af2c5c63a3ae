"""Names of dependencies that their documentation does not promise, each with the reason for a pin.

A release without one fails here, by its name: the bounds in pyproject.toml are as wide as this.
"""

import inspect
from typing import Any

import pytest
from graphql import GraphQLSchema, Visitor

from schema.graph import Graph
from schema.strawberry_internals import argument_names, field_definition, python_type
from schema.types.client import Client


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph()


def test_strawberry_keeps_its_graphql_core_schema_in_schema(graph: Graph) -> None:
    found = getattr(graph.schema, "_schema", None)

    assert isinstance(found, GraphQLSchema), "strawberry.Schema has no `_schema` any more"


def test_strawberry_describes_types_and_fields_in_their_extensions(graph: Graph) -> None:
    client: Any = graph.core.type_map["Client"]

    missing = "types and fields have no extension `strawberry-definition` any more"
    assert "strawberry-definition" in client.extensions, missing
    assert "strawberry-definition" in client.fields["email"].extensions, missing
    assert python_type(client) is Client
    assert field_definition(client.fields["firstName"]).python_name == "first_name"


def test_strawberry_describes_a_class_that_is_a_type() -> None:
    assert hasattr(Client, "__strawberry_definition__"), (
        "classes have no `__strawberry_definition__` any more"
    )


def test_strawberry_converts_arguments_by_its_schema_converter(graph: Graph) -> None:
    from strawberry.types.arguments import convert_arguments  # noqa: PLC0415 - the name is the test

    query: Any = graph.core.query_type
    definition = field_definition(query.fields["clients"])
    converter = graph.schema.schema_converter

    assert argument_names(definition, converter)["first"] == "first"
    assert list(inspect.signature(convert_arguments).parameters)[:4] == [
        "value",
        "arguments",
        "scalar_registry",
        "config",
    ], "strawberry.types.arguments.convert_arguments takes other arguments now"


def test_strawberry_tells_awaitables_from_values() -> None:
    from strawberry.execution import optimized_is_awaitable  # noqa: PLC0415 - the name is the test

    async def later() -> None: ...

    waiting = later()
    assert (optimized_is_awaitable(waiting), optimized_is_awaitable(1)) == (True, False)
    waiting.close()


def test_graphql_core_keeps_the_methods_of_a_visitor_in_a_map() -> None:
    assert Visitor().enter_leave_map == {}, "graphql.Visitor has no `enter_leave_map` any more"
