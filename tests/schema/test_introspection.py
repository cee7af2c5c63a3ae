"""The introspection result, by the rules that graphql-js 16 and graphql-core 3.2 hold it to."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLDeprecatedDirective,
    build_client_schema,
    get_introspection_query,
    introspection_from_schema,
    parse_const_value,
    validate_schema,
)
from graphql.pyutils import is_awaitable

from schema.context import Context
from schema.execution.documents import Document
from schema.graph import Graph
from tests.differential.answers import Answers

LOCATIONS = {
    *("QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD"),
    *("INLINE_FRAGMENT", "VARIABLE_DEFINITION", "SCHEMA", "SCALAR", "OBJECT", "FIELD_DEFINITION"),
    *("ARGUMENT_DEFINITION", "INTERFACE", "UNION", "ENUM", "ENUM_VALUE", "INPUT_OBJECT"),
    "INPUT_FIELD_DEFINITION",
}
"""`DirectiveLocation` of graphql-js 16.12."""
KINDS = {"SCALAR", "OBJECT", "INTERFACE", "UNION", "ENUM", "INPUT_OBJECT"}


@pytest.fixture(scope="module", params=[True, False], ids=["with node", "federated"])
def schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    graph = Graph(node_fields=request.param)
    found: Any = introspection_from_schema(graph.core, input_value_deprecation=True)
    shown: dict[str, Any] = found["__schema"]
    return shown


def inputs(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for directive in schema["directives"]:
        yield from directive["args"]
    for type_ in schema["types"]:
        yield from type_["inputFields"] or ()
        for field in type_["fields"] or ():
            yield from field["args"]


def named(type_: dict[str, Any]) -> str:
    while type_["ofType"]:
        type_ = type_["ofType"]
    name: str = type_["name"]
    return name


def test_each_directive_has_locations_that_tools_know_each_once(schema: dict[str, Any]) -> None:
    places = {each["name"]: each["locations"] for each in schema["directives"]}

    assert {"skip", "include", "deprecated", "specifiedBy", "cost", "listSize"} <= set(places)
    for name, locations in places.items():
        assert locations, name
        assert len(set(locations)) == len(locations), name
        assert set(locations) <= LOCATIONS, name


def test_every_name_is_listed_once(schema: dict[str, Any]) -> None:
    lists = [schema["types"], schema["directives"]]
    for type_ in schema["types"]:
        lists += [type_[part] or [] for part in ("fields", "inputFields", "enumValues")]
        lists += [type_["interfaces"] or [], type_["possibleTypes"] or []]
        lists += [field["args"] for field in type_["fields"] or ()]
    lists += [directive["args"] for directive in schema["directives"]]

    for each in lists:
        names = [one["name"] for one in each]
        assert len(set(names)) == len(names), names


def test_every_type_that_is_named_is_described_and_has_what_its_kind_has(
    schema: dict[str, Any],
) -> None:
    kinds = {type_["name"]: type_["kind"] for type_ in schema["types"]}
    used = {named(value["type"]) for value in inputs(schema)}
    for type_ in schema["types"]:
        used |= {named(field["type"]) for field in type_["fields"] or ()}
        for part in ("interfaces", "possibleTypes"):
            used |= {each["name"] for each in type_[part] or ()}

    assert set(kinds.values()) <= KINDS
    assert used <= set(kinds)
    for type_ in schema["types"]:
        kind = type_["kind"]
        assert bool(type_["fields"]) is (kind in {"OBJECT", "INTERFACE"}), type_["name"]
        assert (type_["interfaces"] is not None) is (kind in {"OBJECT", "INTERFACE"})
        assert bool(type_["possibleTypes"]) is (kind in {"INTERFACE", "UNION"})
        assert bool(type_["enumValues"]) is (kind == "ENUM")
        assert bool(type_["inputFields"]) is (kind == "INPUT_OBJECT")


def test_every_default_is_a_constant_of_the_language(schema: dict[str, Any]) -> None:
    defaults = [value["defaultValue"] for value in inputs(schema) if value["defaultValue"]]

    assert [parse_const_value(text) for text in defaults]
    assert "None" not in defaults


def test_a_schema_can_be_built_of_it(schema: dict[str, Any]) -> None:
    assert validate_schema(build_client_schema({"__schema": schema})) == []  # type: ignore[typeddict-item]  # as it came


async def test_an_operation_gets_the_same() -> None:
    graph = Graph()
    text = get_introspection_query(input_value_deprecation=True, one_of=True)
    document = graph.documents.get(text)
    assert isinstance(document, Document)
    planned = graph.plan(document, {}, None)
    assert not isinstance(planned, list)
    result = graph.run(planned, Context(Answers(0), None))
    assert is_awaitable(result)

    found = await result

    assert found.errors is None
    assert found.data is not None
    directives = found.data["__schema"]["directives"]
    assert all(set(each["locations"]) <= LOCATIONS for each in directives)


def test_what_other_schemas_of_the_process_share_is_left_as_it_was() -> None:
    shared = GraphQLDeprecatedDirective
    [own] = [each for each in Graph().core.directives if each.name == shared.name]

    assert own is not shared
    assert set(own.locations) < set(shared.locations)


def test_each_type_field_argument_and_value_is_described() -> None:
    own = [
        (name, type_)
        for name, type_ in Graph().core.type_map.items()
        if not name.startswith(("_", "link_", "FieldSet"))
    ]
    parts = [
        (f"{name}.{part}", each)
        for name, type_ in own
        for part, each in (getattr(type_, "fields", None) or getattr(type_, "values", {})).items()
        if not part.startswith("_")
    ]
    arguments = [
        (f"{path}({name})", argument)
        for path, each in parts
        for name, argument in getattr(each, "args", {}).items()
    ]

    assert [name for name, each in [*own, *parts, *arguments] if not each.description] == []
