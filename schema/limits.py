"""How much one document may ask, measured on its syntax alone, before it is validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from graphql import DocumentNode, SelectionNode, SelectionSetNode

_INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one operation may have at most, its fragments spread out."""

    depth: int = 8
    aliases: int = 15
    directives: int = 10
    root_fields: int = 10
    selections: int = 1_000
    """Fields in all; keeps fragments that spread each other from multiplying."""


class _TooMuch(Exception):
    def __init__(self, what: str, setting: int) -> None:
        super().__init__(what)
        self.what = what
        self.setting = setting


@dataclass(slots=True)
class _Measure:
    """One operation, walked once; stops at the first limit it passes."""

    limits: Limits
    fragments: dict[str, FragmentDefinitionNode]
    aliases: int = 0
    directives: int = 0
    selections: int = 0

    def operation(self, node: OperationDefinitionNode) -> None:
        self._directed(node.directives)
        fields = list(self._fields(node.selection_set, frozenset()))
        if len(fields) > self.limits.root_fields:
            raise _TooMuch("root fields", self.limits.root_fields)
        self._walk(fields, depth=1)

    def _walk(self, fields: Iterable[FieldNode], depth: int) -> None:
        for field in fields:
            if field.name.value in _INTROSPECTION:
                continue  # where introspection is on, its own query passes every depth
            if depth > self.limits.depth:
                raise _TooMuch("levels of fields", self.limits.depth)
            self.aliases += field.alias is not None
            if self.aliases > self.limits.aliases:
                raise _TooMuch("aliases", self.limits.aliases)
            self._walk(self._fields(field.selection_set, frozenset()), depth + 1)

    def _fields(
        self, chosen: SelectionSetNode | None, within: frozenset[str]
    ) -> Iterator[FieldNode]:
        for node in (chosen.selections if chosen else None) or ():
            self._count(node)
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                fragment = self.fragments.get(name)
                if fragment is not None and name not in within:
                    yield from self._fields(fragment.selection_set, within | {name})
            else:
                yield from self._fields(node.selection_set, within)  # type: ignore[attr-defined]

    def _count(self, node: SelectionNode) -> None:
        self.selections += 1
        if self.selections > self.limits.selections:
            raise _TooMuch("selections, fragments spread out", self.limits.selections)
        self._directed(node.directives)

    def _directed(self, directives: Iterable[object] | None) -> None:
        self.directives += len(tuple(directives or ()))
        if self.directives > self.limits.directives:
            raise _TooMuch("directives", self.limits.directives)


def passed(document: DocumentNode, limits: Limits) -> GraphQLError | None:
    """The first limit that an operation of the document passes, None when it keeps them all."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            try:
                _Measure(limits, fragments).operation(node)
            except _TooMuch as much:
                return GraphQLError(
                    f"The operation has more than {much.setting} {much.what}:"
                    " ask for less in one request.",
                    extensions={"code": "LIMIT_EXCEEDED"},
                )
    return None
