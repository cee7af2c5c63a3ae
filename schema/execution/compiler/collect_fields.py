"""Collect the fields selected on one type: fragments spread, conditions applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import FieldNode, FragmentSpreadNode, is_abstract_type

from schema.execution.selection import should_include

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from graphql import (
        FragmentDefinitionNode,
        GraphQLObjectType,
        GraphQLSchema,
        NamedTypeNode,
        SelectionSetNode,
    )

Grouped = dict[str, list[FieldNode]]
"""Field nodes by response key, in the order of the response."""


class FieldCollector:
    """Groups selections of one operation (GraphQL, 6.3.2 CollectFields).

    `variables` holds those that conditions name.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables

    def of(self, sets: Iterable[SelectionSetNode | None], type_: GraphQLObjectType) -> Grouped:
        """Return the fields that all of `sets` together select on an object of `type_`."""
        grouped: Grouped = {}
        visited: set[str] = set()
        for selection_set in sets:
            self._visit(selection_set, type_, grouped, visited)
        return grouped

    def _visit(
        self,
        chosen: SelectionSetNode | None,
        type_: GraphQLObjectType,
        grouped: Grouped,
        visited: set[str],
    ) -> None:
        for node in (chosen.selections if chosen else None) or ():
            if not should_include(node, self._variables):
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

    def _applies(self, condition: NamedTypeNode | None, type_: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == type_.name:
            return True
        named = self._schema.get_type(condition.name.value)
        return is_abstract_type(named) and self._schema.is_sub_type(named, type_)
