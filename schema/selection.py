"""Which fields of a type the document being executed will look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from graphql import SelectionSetNode
    from strawberry.types import Info


def selected(info: Info, *path: str) -> frozenset[str]:
    """Names of the fields selected below `path` (graph names) under the current field.

    Fragments are followed whatever type they name, and `@skip`/`@include` are not looked at:
    the answer may hold more names than will be resolved, never fewer.
    """
    core = info._raw_info  # noqa: SLF001 - the only way to the fragments
    fragments = core.fragments
    sets = [node.selection_set for node in core.field_nodes]

    def fields(of: Iterable[SelectionSetNode | None], seen: frozenset[str]) -> Iterator[FieldNode]:
        for selection_set in of:
            for node in (selection_set.selections if selection_set else None) or ():
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, InlineFragmentNode):
                    yield from fields([node.selection_set], seen)
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                    name = node.name.value
                    fragment = fragments.get(name)
                    if fragment is not None:
                        definition = getattr(fragment, "definition", fragment)
                        yield from fields([definition.selection_set], seen | {name})

    level: list[SelectionSetNode | None] = list(sets)
    for step in path:
        level = [
            node.selection_set for node in fields(level, frozenset()) if node.name.value == step
        ]
    return frozenset(node.name.value for node in fields(level, frozenset()))
