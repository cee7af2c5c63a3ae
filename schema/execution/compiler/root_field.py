"""The root fields of an operation, and an operation specialized for its conditions."""

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
    """A root field: its request to the source and the shape of its value."""

    key: str
    name: str
    nodes: Sequence[FieldNode]
    field: GraphQLField | None
    """None for meta fields such as `__typename`."""
    look: SelectedFields
    required: bool
    arguments: Arguments | None = None
    ask: Callable[..., RootRequest] | None = None
    """None for writes and for fields without a request to the source."""
    shape: Shape | None = None
    """None if only graphql-core can complete the value."""

    @property
    def shown(self) -> Fields:
        """Return the selected fields of the client that a write returns."""
        return required_record_fields(
            self.look("client") | self.look("clientEdge", "node") | self.look("current")
        )


class Specialization(NamedTuple):
    """An operation for one combination of its conditions."""

    type: GraphQLObjectType
    roots: Sequence[RootField]
    writes: bool
    compiled: bool
    """Whether every root field has a shape."""
    size: int
    """Estimated bytes without the document."""
