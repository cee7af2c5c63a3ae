"""Root fields are planned from the arguments that graphql-core and Strawberry would pass."""

from __future__ import annotations

from random import Random
from typing import Any

from graphql import FieldNode, GraphQLError, get_argument_values

from schema.execution.documents import Document
from schema.execution.limits import Limits
from schema.execution.plan import ExecutionPlan
from schema.graph import Graph
from schema.strawberry_internals import field_definition, python_arguments
from tests.differential.documents import Writer
from tests.differential.values import given

DOCUMENTS = 400
EACH = 10
ANY = Limits(depth=30, aliases=200, directives=200, root_fields=50, tokens=10_000)


def outcome(act: Any) -> Any:
    """What it returns, or the error that it raises."""
    try:
        return dict(act())
    except GraphQLError as error:
        return str(error)


def test_arguments_are_bound_as_strawberry_binds_them() -> None:
    graph, chance, compared = Graph(limits=ANY), Random(3), 0
    query: Any = graph.core.query_type
    for _ in range(DOCUMENTS):
        written = Writer(graph.core, chance).document()
        document = graph.documents.parse_and_validate(written.text)
        if not isinstance(document, Document):
            continue
        for _ in range(EACH):
            variables = {
                name: given(type_, chance)
                for name, type_ in written.variables.items()
                if chance.random() < 0.9
            }
            planned = graph.plan(document, variables, None)
            if isinstance(planned, ExecutionPlan) and not planned.writes:
                compared += compare(graph, query, planned)

    assert compared > DOCUMENTS


def compare(graph: Graph, query: Any, planned: ExecutionPlan) -> int:
    """Compare the arguments of root fields that are written without fragments; count them."""
    compiled = {root.key: root.arguments for root, _ in planned.requests}
    values, compared = planned.variable_values, 0
    for node in planned.operation.node.selection_set.selections:
        if not isinstance(node, FieldNode):
            continue
        bind, field = (
            compiled.get((node.alias or node.name).value),
            query.fields.get(node.name.value),
        )
        if bind is None or field is None:
            continue

        def by_strawberry(field: Any = field, node: FieldNode = node) -> Any:
            found = get_argument_values(field, node, values.whole(), None, False)  # noqa: FBT003
            return python_arguments(field_definition(field), found, graph.schema.schema_converter)

        assert outcome(lambda bind=bind: bind(values)) == outcome(by_strawberry)
        compared += 1
    return compared
