"""The root fields of an operation, and all of them as its conditions have decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schema.client import fields_read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphql import FieldNode, GraphQLField, GraphQLObjectType

    from schema.asks import Asked
    from schema.compiled.arguments import Arguments
    from schema.compiled.fields import Shape
    from schema.selection import Look
    from schema.source import Fields


class Root(NamedTuple):
    """A root field: what it asks, and the shape of its value."""

    key: str
    name: str
    nodes: Sequence[FieldNode]
    field: GraphQLField | None
    """None for fields that every schema has, like `__typename`."""
    look: Look
    required: bool
    arguments: Arguments | None = None
    ask: Callable[..., Asked] | None = None
    """None where nothing is asked of the source, and for writes."""
    shape: Shape | None = None
    """None where only graphql-core can tell the value."""

    @property
    def shown(self) -> Fields:
        """The fields of a written client that will be shown."""
        return fields_read(
            self.look("client") | self.look("clientEdge", "node") | self.look("current")
        )


class Variant(NamedTuple):
    """An operation whose conditions are decided."""

    type: GraphQLObjectType
    roots: Sequence[Root]
    writes: bool
    compiled: bool
    """Whether every root has a shape."""
    size: int
    """Bytes that it takes without the document."""
