"""Look ahead: the names of the fields selected below the field being executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    VariableNode,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from graphql import FragmentDefinitionNode, SelectionNode, SelectionSetNode
    from strawberry.types import Info


def should_include(node: SelectionNode, variables: Mapping[str, Any]) -> bool:
    """Return True if `@skip` and `@include` keep a selection (GraphQL, 3.13.1 and 3.13.2)."""
    for directive in node.directives or ():
        name = directive.name.value
        if name in {"skip", "include"}:
            [condition] = [argument.value for argument in directive.arguments or ()]
            if isinstance(condition, VariableNode):
                met = variables.get(condition.name.value)
            else:
                met = isinstance(condition, BooleanValueNode) and condition.value
            if bool(met) is (name == "skip"):
                return False
    return True


class SelectedFields:
    """The names of the fields selected below one field of an operation.

    Fragments are followed whatever their type condition: the result may hold more names than will
    be resolved, never fewer.
    """

    def __init__(
        self,
        nodes: Sequence[FieldNode],
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._nodes = nodes
        self._fragments = fragments
        self._variables = variables
        self._seen: dict[tuple[str, ...], frozenset[str]] = {}

    def __call__(self, *path: str) -> frozenset[str]:
        """Return the graph names of the fields selected below `path`."""
        seen = self._seen.get(path)
        if seen is None:
            seen = self._seen[path] = self._names(path)
        return seen

    def _names(self, path: tuple[str, ...]) -> frozenset[str]:
        level = [node.selection_set for node in self._nodes]
        for step in path:
            level = [
                node.selection_set
                for node in self._fields(level, frozenset())
                if node.name.value == step
            ]
        return frozenset(node.name.value for node in self._fields(level, frozenset()))

    def _fields(
        self, of: Iterable[SelectionSetNode | None], seen: frozenset[str]
    ) -> Iterator[FieldNode]:
        for selection_set in of:
            for node in (selection_set.selections if selection_set else None) or ():
                if not should_include(node, self._variables):
                    continue
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, InlineFragmentNode):
                    yield from self._fields([node.selection_set], seen)
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                    name = node.name.value
                    if name in self._fragments:
                        below = self._fragments[name].selection_set
                        yield from self._fields([below], seen | {name})


def selected_fields(info: Info) -> SelectedFields:
    """Return the fields selected below the field that is being resolved."""
    core = info._raw_info  # noqa: SLF001 - the only way to the fragments
    return SelectedFields(
        core.field_nodes, core.fragments, cast("dict[str, Any]", core.variable_values)
    )
