"""Collect the fields selected below fields: fragments spread, conditions applied."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    NamedTypeNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

Grouped = dict[str, list[FieldNode]]
"""Field nodes by response key, in the order of the response."""


@dataclass(eq=False, repr=False)
class FieldCollector:
    """Groups selections of one operation (GraphQL, 6.3.2 CollectFields).

    `variables` holds those that conditions name.
    """

    _schema: GraphQLSchema
    _fragments: Mapping[str, FragmentDefinitionNode]
    _variables: Mapping[str, Any]

    def of(
        self, sets: Iterable[SelectionSetNode | None], type_: GraphQLObjectType | None
    ) -> Grouped:
        """Return the fields that all of `sets` together select on an object of `type_`.

        None stands for any type: fragments are followed whatever their type condition.
        """
        grouped: Grouped = {}
        visited: set[str] = set()
        for selection_set in sets:
            self._visit(selection_set, type_, grouped, visited)
        return grouped

    def below(self, nodes: Iterable[FieldNode], type_: GraphQLObjectType | None) -> Grouped:
        """Return the fields that the selection sets of `nodes` select together."""
        return self.of((node.selection_set for node in nodes), type_)

    def _visit(
        self,
        chosen: SelectionSetNode | None,
        type_: GraphQLObjectType | None,
        grouped: Grouped,
        visited: set[str],
    ) -> None:
        for node in (chosen.selections if chosen else None) or ():
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                grouped.setdefault(key, []).append(node)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                fragment = self._fragments[name]
                if name not in visited and self._applies(fragment.type_condition, type_):
                    visited.add(name)
                    self._visit(fragment.selection_set, type_, grouped, visited)
            elif self._applies(node.type_condition, type_):  # type: ignore[attr-defined]
                self._visit(node.selection_set, type_, grouped, visited)  # type: ignore[attr-defined]

    def _included(self, node: SelectionNode) -> bool:
        """Return True if `@skip` and `@include` keep a selection (GraphQL, 3.13.1 and 3.13.2)."""
        for directive in node.directives or ():
            name = directive.name.value
            if name in {"skip", "include"}:
                [condition] = [argument.value for argument in directive.arguments or ()]
                if isinstance(condition, VariableNode):
                    met = self._variables.get(condition.name.value)
                else:
                    met = isinstance(condition, BooleanValueNode) and condition.value
                if bool(met) is (name == "skip"):
                    return False
        return True

    def _applies(self, condition: NamedTypeNode | None, type_: GraphQLObjectType | None) -> bool:
        if condition is None or type_ is None or condition.name.value == type_.name:
            return True
        named = self._schema.get_type(condition.name.value)
        return is_abstract_type(named) and self._schema.is_sub_type(named, type_)


class SelectedFields:
    """The graph names of the fields selected below one field of an operation."""

    def __init__(self, collector: FieldCollector, nodes: Sequence[FieldNode]) -> None:
        self._collector = collector
        self._nodes = nodes
        self._names: dict[tuple[str, ...], frozenset[str]] = {}

    def __call__(self, *path: str) -> frozenset[str]:
        """Return the names selected below `path`, on objects of any type."""
        names = self._names.get(path)
        if names is None:
            names = frozenset(node.name.value for node in self._fields(self.nodes(*path)))
            self._names[path] = names
        return names

    def nodes(self, *path: str) -> Sequence[FieldNode]:
        """Return the nodes at the end of `path`, on objects of any type."""
        nodes = self._nodes
        for name in path:
            nodes = [node for node in self._fields(nodes) if node.name.value == name]
        return nodes

    def _fields(self, nodes: Sequence[FieldNode]) -> list[FieldNode]:
        return [node for same in self._collector.below(nodes, None).values() for node in same]
