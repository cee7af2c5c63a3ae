"""Compile each operation of a document, once for each combination of its conditions.

- `OperationCompiler(schema, converter, ...)`: one for each graph.
- `OperationCompiler.operation(document, node)` returns the `CompiledOperation` of a validated
  document. Keep it with the document.
- `CompiledOperation.plan(variables)` returns the `ExecutionPlan` of one request, or the errors in
  the variables. `ExecutionPlan.needs()` lists the requests to the source before anything is sent.
- `execute_plan(plan, context)` returns the data as plain dicts and lists, with graphql-core errors.
  If a plan is not `compiled`, graphql-core executes the operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLNonNull,
    OperationType,
    VariableNode,
)

from schema.execution.compiler.arguments import compile_arguments
from schema.execution.compiler.collect_fields import FieldCollector
from schema.execution.compiler.field_readers import DEFINITION, NotCompilable
from schema.execution.compiler.record_encoder import RecordEncoders
from schema.execution.compiler.root_field import RootField, Specialization
from schema.execution.compiler.shapes import Leaves, Shapes
from schema.execution.compiler.variables import VariableCoercer
from schema.execution.lru import WeightedLRU
from schema.execution.plan import ExecutionPlan, ParsedOperation
from schema.execution.root_fields import ROOT_FIELDS
from schema.execution.selection import SelectedFields
from schema.execution.sizes import KEY, OPERATION, ROOT, VARIABLE, document_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from graphql import (
        DocumentNode,
        FieldNode,
        GraphQLError,
        GraphQLObjectType,
        GraphQLSchema,
        OperationDefinitionNode,
    )
    from strawberry.schema.schema_converter import GraphQLCoreConverter


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
        self.variants: WeightedLRU[Specialization] = WeightedLRU()
        self.rows = RecordEncoders()
        self.leaves: Leaves = {}

    def operation(self, document: DocumentNode, node: OperationDefinitionNode) -> CompiledOperation:
        """Return the compiled operation `node` of a validated document."""
        fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        return CompiledOperation(self, document, node, fragments)


class CompiledOperation:
    """One operation; call `plan` for each request."""

    def __init__(
        self,
        compiler: OperationCompiler,
        document: DocumentNode,
        node: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self.compiler = compiler
        self._coercer = VariableCoercer(
            compiler.schema, node, hide_suggestions=compiler.hide_suggestions
        )
        self._conditions = _conditions(node, fragments.values())
        assert document.loc is not None  # noqa: S101 - it was parsed
        self.parsed = ParsedOperation(
            document,
            node,
            fragments,
            compiler.schema,
            hide_suggestions=compiler.hide_suggestions,
            size=document_size(document.loc.source.body, document.token_count)
            + OPERATION
            + VARIABLE * len(node.variable_definitions or ()),
        )

    def plan(self, given: Mapping[str, Any]) -> ExecutionPlan | list[GraphQLError]:
        """Return the plan for these variables, or the errors in them."""
        variables = self._coercer.of(given)
        if isinstance(variables, list):
            return variables
        conditions_met = tuple(variables.coerced.get(name) for name in self._conditions)
        variants = self.compiler.variants
        variant = variants.find((self, conditions_met))
        if variant is None:
            variant = self._compile(conditions_met)
            variants.put((self, conditions_met), variant, self.parsed.size + variant.size)
        return ExecutionPlan(self.parsed, variant, variables)

    def _compile(self, conditions_met: tuple[bool | None, ...]) -> Specialization:
        conditions = dict(zip(self._conditions, conditions_met, strict=True))
        schema, node, fragments = self.compiler.schema, self.parsed.node, self.parsed.fragments
        type_ = schema.get_root_type(node.operation)
        assert type_ is not None  # noqa: S101 - validated
        selections = FieldCollector(schema, fragments, conditions)
        grouped = selections.of([node.selection_set], type_)
        shapes = Shapes(schema, selections, self.compiler.rows, self.compiler.leaves)
        roots = [
            self._root(type_, key, nodes, shapes, SelectedFields(nodes, fragments, conditions))
            for key, nodes in grouped.items()
        ]
        return Specialization(
            type_,
            roots,
            writes=node.operation is OperationType.MUTATION,
            # A null condition is an error; graphql-core writes its message.
            compiled=None not in conditions.values()
            and all(
                root.name == "__typename" if root.field is None else root.shape is not None
                for root in roots
            ),
            size=shapes.size + ROOT * len(roots) + sum(KEY * len(key) for key in grouped),
        )

    def _root(
        self,
        type_: GraphQLObjectType,
        key: str,
        nodes: Sequence[FieldNode],
        shapes: Shapes,
        look: SelectedFields,
    ) -> RootField:
        name, operation = nodes[0].name.value, self.parsed.node.operation
        field = type_.fields.get(name)
        if field is None:  # a meta field; `__typename` needs no shape
            return RootField(key, name, nodes, None, look, required=True)
        ask = None if operation is OperationType.MUTATION else ROOT_FIELDS.get(name)
        definition = field.extensions[DEFINITION]
        arguments = compile_arguments(
            field,
            definition,
            nodes[0],
            self.compiler.converter,
            hide_suggestions=self.compiler.hide_suggestions,
        )
        shape = None
        if ask is not None or operation is OperationType.MUTATION:
            try:
                shape = shapes.of(field.type, nodes, type_.name, name)
            except NotCompilable:
                shape = None
        required = isinstance(field.type, GraphQLNonNull)
        return RootField(key, name, nodes, field, look, required, arguments, ask, shape)


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
