"""Compile each operation of a document, once for each combination of its conditions.

- `OperationCompiler(schema, converter, ...)`: one for each graph.
- `CompiledOperation(compiler, document, node)`: one for each operation of a validated document.
  Keep it with the document.
- `CompiledOperation.plan(variables)` returns the `ExecutionPlan` of one request, or the errors in
  the variables. `ExecutionPlan.needs` lists the requests to the source before anything is sent.
- `execute_plan(plan, context, ...)` executes it; graphql-core does what the generated code cannot.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_nullable_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from schema.execution.compiler.arguments import Arguments, compile_arguments
from schema.execution.compiler.collect_fields import FieldCollector, SelectedFields
from schema.execution.compiler.encoders import Encoders, Leaves
from schema.execution.compiler.root_field import RootField, Specialization
from schema.execution.compiler.variables import VariableCoercer, Variables
from schema.execution.plan import ExecutionPlan, ParsedOperation
from schema.execution.root_fields import ROOT_FIELDS, clients
from schema.execution.sizes import KEY, OPERATION, ROOT, VARIABLE, document_size
from schema.types.client import Client
from schema.types.client_facets import ClientFacets, check_tags


class OperationCompiler:
    """Compiles the operations of one graph."""

    def __init__(
        self,
        schema: GraphQLSchema,
        converter: GraphQLCoreConverter,
        *,
        hide_suggestions: bool,
    ) -> None:
        self.schema = schema
        self.converter = converter
        self.hide_suggestions = hide_suggestions
        self.leaves: Leaves = {}
        self.client = cast("GraphQLObjectType", schema.type_map[Client.__name__])
        facets = cast("GraphQLObjectType", schema.type_map[ClientFacets.__name__])
        self._tags = facets.fields["tags"]

    def arguments(self, field: GraphQLField, node: FieldNode) -> Arguments:
        """Compile the arguments of a field."""
        return compile_arguments(
            field, node, self.converter, hide_suggestions=self.hide_suggestions
        )

    def tags_check(self, node: FieldNode) -> Callable[[Variables], object]:
        """Return the function that raises for wrong arguments of a count of tags."""
        arguments = self.arguments(self._tags, node)
        return lambda variables: check_tags(**arguments(variables))


class CompiledOperation:
    """One operation; call `plan` for each request."""

    def __init__(
        self, compiler: OperationCompiler, document: DocumentNode, node: OperationDefinitionNode
    ) -> None:
        self.compiler = compiler
        self._fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        self._coercer = VariableCoercer(
            compiler.schema, node, hide_suggestions=compiler.hide_suggestions
        )
        self._conditions = _conditions(node, self._fragments.values())
        assert document.loc is not None  # noqa: S101 - it was parsed
        self._variants: dict[tuple[bool | None, ...], Specialization] = {}
        self.size = OPERATION + VARIABLE * len(node.variable_definitions or ())
        """Estimated bytes, without the document; it grows with what is compiled."""
        size = document_size(document.loc.source.body, document.token_count)
        self.parsed = ParsedOperation(document, node, size + self.size)

    def plan(self, given: Mapping[str, Any]) -> ExecutionPlan | list[GraphQLError]:
        """Return the plan for these variables, or the errors in them."""
        variables = self._coercer.of(given)
        if isinstance(variables, list):
            return variables
        conditions_met = tuple(variables.coerced.get(name) for name in self._conditions)
        variant = self._variants.get(conditions_met)
        if variant is None:
            variant = self._compile(dict(zip(self._conditions, conditions_met, strict=True)))
            self._variants[conditions_met] = variant
            self.size += variant.size
        return ExecutionPlan(self.parsed, variant, variables)

    def _compile(self, conditions: Mapping[str, bool | None]) -> Specialization:
        schema, node = self.compiler.schema, self.parsed.node
        type_ = schema.get_root_type(node.operation)
        assert type_ is not None  # noqa: S101 - validated
        collector = FieldCollector(schema, self._fragments, conditions)
        grouped = collector.of([node.selection_set], type_)
        encoders = Encoders(collector, self.compiler.leaves, self.compiler.arguments)
        roots = [
            self._root(type_, key, nodes, encoders, collector) for key, nodes in grouped.items()
        ]
        return Specialization(
            type_.name,
            roots,
            writes=node.operation is OperationType.MUTATION,
            subscribes=node.operation is OperationType.SUBSCRIPTION,
            # A null condition is an error; graphql-core writes its message.
            compiled=node.operation is not OperationType.SUBSCRIPTION
            and None not in conditions.values()
            and all(root.ask is not None or root.name == "__typename" for root in roots),
            size=encoders.size + sum(ROOT + KEY * len(key) for key in grouped),
        )

    def _root(
        self,
        type_: GraphQLObjectType,
        key: str,
        nodes: Sequence[FieldNode],
        encoders: Encoders,
        collector: FieldCollector,
    ) -> RootField:
        compiler, name = self.compiler, nodes[0].name.value
        look = SelectedFields(collector, nodes)
        field, ask = type_.fields.get(name), ROOT_FIELDS.get(name)
        if field is None or ask is None:
            return RootField(key, name, look)
        arguments = compiler.arguments(field, nodes[0])
        if type_ is compiler.schema.subscription_type:
            return RootField(key, name, look, arguments, ask)
        shown = get_nullable_type(field.type) if ask is clients else compiler.client
        encode = encoders.encoder(shown, nodes)
        checks = [compiler.tags_check(node) for node in look.nodes("facets", "tags")]
        return RootField(key, name, look, arguments, ask, checks, encode)


def _conditions(
    node: OperationDefinitionNode, fragments: Iterable[FragmentDefinitionNode]
) -> list[str]:
    """Return the names of the variables that `@skip` and `@include` use."""
    names: dict[str, None] = {}
    sets = [node.selection_set, *(fragment.selection_set for fragment in fragments)]
    while sets:
        for selection in sets.pop().selections:
            for directive in selection.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        names[argument.value.name.value] = None
            below = getattr(selection, "selection_set", None)
            if below is not None:
                sets.append(below)
    return list(names)
