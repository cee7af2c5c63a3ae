"""The root fields of an operation, and all of them as its conditions have decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schema.types.client import required_record_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphql import FieldNode, GraphQLField, GraphQLObjectType

    from schema.execution.compiler.arguments import Arguments
    from schema.execution.compiler.fields import Shape
    from schema.execution.root_fields import RootRequest
    from schema.execution.selection import SelectedFields
    from schema.source.records import Fields


class RootField(NamedTuple):
    """A root field: what it asks, and the shape of its value."""

    key: str
    name: str
    nodes: Sequence[FieldNode]
    field: GraphQLField | None
    """None for fields that every schema has, like `__typename`."""
    look: SelectedFields
    required: bool
    arguments: Arguments | None = None
    ask: Callable[..., RootRequest] | None = None
    """None where nothing is asked of the source, and for writes."""
    shape: Shape | None = None
    """None where only graphql-core can tell the value."""

    @property
    def shown(self) -> Fields:
        """The fields of a written client that will be shown."""
        return required_record_fields(
            self.look("client") | self.look("clientEdge", "node") | self.look("current")
        )


class Specialization(NamedTuple):
    """An operation whose conditions are decided."""

    type: GraphQLObjectType
    roots: Sequence[RootField]
    writes: bool
    compiled: bool
    """Whether every root has a shape."""
    size: int
    """Bytes that it takes without the document."""
