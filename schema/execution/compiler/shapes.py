"""Build the shapes of one operation from the schema and its selections.

A shape is built once for a place in an operation. It is called with a value, a path and a
completion context. It returns the completed value or raises.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from graphql import (
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
)

from schema.execution.compiler.client_shapes import ClientShape, EdgesShape
from schema.execution.compiler.columns import ID, edge_column, record_column, typename
from schema.execution.compiler.completion import (
    UNCHANGED,
    abstract,
    identity,
    leaf,
    list_of,
    non_null,
    object_type,
)
from schema.execution.compiler.field_readers import (
    constant,
    field_metadata,
    field_reader,
    python_type,
)
from schema.execution.compiler.fields import Field
from schema.execution.compiler.record_encoder import RecordEncoder
from schema.execution.sizes import FIELD, KEY, OBJECT, SELECTED
from schema.source.records import ClientRecord
from schema.types.client import Client
from schema.types.client_connection import ClientEdge, EdgeField
from schema.types.record_fields import RecordField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import (
        FieldNode,
        GraphQLAbstractType,
        GraphQLField,
        GraphQLOutputType,
        GraphQLSchema,
    )

    from schema.execution.compiler.codegen import Expression
    from schema.execution.compiler.collect_fields import FieldCollector, Grouped
    from schema.execution.compiler.field_readers import Read
    from schema.execution.compiler.fields import Shape
    from schema.execution.compiler.record_encoder import RecordEncoders


class Leaf(NamedTuple):
    """The reader and shape of a leaf field, equal wherever the field is selected."""

    read: Read
    shape: Shape
    column: Expression | None


Leaves = dict[tuple[str, str], Leaf]
"""The leaf fields of a graph, by the names of type and field."""


class Shapes:
    """Builds the shapes of one operation; `rows` and `leaves` are shared by the graph."""

    def __init__(
        self,
        schema: GraphQLSchema,
        selections: FieldCollector,
        rows: RecordEncoders,
        leaves: Leaves,
    ) -> None:
        self._schema = schema
        self._selections = selections
        self._rows = rows
        self._leaves = leaves
        self.size = 0
        """Estimated bytes, without what the graph shares."""

    def of(
        self, type_: GraphQLOutputType, nodes: Sequence[FieldNode], parent: str, name: str
    ) -> Shape:
        """Return the shape of a value of `type_`, selected by `nodes` as field `name` of `parent`.

        Raises `NotCompilable` if only graphql-core can complete it.
        """
        if isinstance(type_, GraphQLNonNull):
            return non_null(self.of(type_.of_type, nodes, parent, name), f"{parent}.{name}")
        if isinstance(type_, GraphQLList):
            return self._list(type_.of_type, nodes, parent, name)
        if is_leaf_type(type_):
            return leaf(type_)
        if is_abstract_type(type_):
            return self._abstract(type_, nodes)
        return self._object(cast("GraphQLObjectType", type_), nodes)

    def _list(
        self, within: GraphQLOutputType, nodes: Sequence[FieldNode], parent: str, name: str
    ) -> Shape:
        item = self.of(within, nodes, parent, name)
        sure = isinstance(within, GraphQLNonNull)
        bare = within.of_type if isinstance(within, GraphQLNonNull) else within
        plain = UNCHANGED.get(bare)
        shape = list_of(item, nodes, f"{parent}.{name}", required=sure, plain=plain)
        if isinstance(bare, GraphQLObjectType) and python_type(bare) is ClientEdge:
            return EdgesShape(_columns(self._fields(bare, self._grouped(bare, nodes))), shape)
        return shape

    def _abstract(self, type_: GraphQLAbstractType, nodes: Sequence[FieldNode]) -> Shape:
        possible = self._schema.get_possible_types(type_)
        shapes = {python_type(each): self._object(each, nodes) for each in possible}
        if Client in shapes:
            shapes[ClientRecord] = shapes[Client]
        return abstract(shapes)

    def _object(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Shape:
        grouped = self._grouped(type_, nodes)
        if python_type(type_) is Client:
            return self._client(type_, grouped)
        return object_type(self._fields(type_, grouped))

    def _client(self, type_: GraphQLObjectType, grouped: Grouped) -> Shape:
        if any(nodes[0].selection_set for nodes in grouped.values()):
            fields = self._fields(type_, grouped)
            return ClientShape(RecordEncoder(_columns(fields)), partial(object_type, fields))
        names = {key: nodes[0].name.value for key, nodes in grouped.items()}
        row = self._rows.of(names, partial(self._column, type_))
        return ClientShape(row, lambda: object_type(self._fields(type_, grouped)))

    def _column(self, type_: GraphQLObjectType, name: str) -> Expression:
        column = self._field(type_, name, name, ()).column
        assert column is not None  # noqa: S101 - every field of a client has one
        return column

    def _grouped(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Grouped:
        grouped = self._selections.of((node.selection_set for node in nodes), type_)
        self.size += OBJECT + sum(SELECTED + KEY * len(key) for key in grouped)
        return grouped

    def _fields(self, type_: GraphQLObjectType, grouped: Grouped) -> list[Field]:
        return [
            self._field(type_, key, nodes[0].name.value, nodes) for key, nodes in grouped.items()
        ]

    def _field(
        self, type_: GraphQLObjectType, key: str, name: str, nodes: Sequence[FieldNode]
    ) -> Field:
        if name == "__typename":
            read = constant(type_.name)
            return Field(
                key, nodes, required=True, read=read, shape=identity, column=typename(type_.name)
            )
        self.size += FIELD
        field = type_.fields[name]
        leaf = self._leaves.get((type_.name, name))
        if leaf is None:
            read = field_reader(field)
            shape = self.of(field.type, nodes, type_.name, name)
            leaf = Leaf(read, shape, _column_of(type_, name, field, shape))
            if is_leaf_type(get_nullable_type(field.type)):
                self._leaves[type_.name, name] = leaf
        return Field(key, nodes, isinstance(field.type, GraphQLNonNull), *leaf)


def _column_of(
    type_: GraphQLObjectType, name: str, field: GraphQLField, shape: Shape
) -> Expression | None:
    record_field = field_metadata(field, RecordField)
    if record_field is not None:
        return record_column(record_field, field, shape)
    edge_field = field_metadata(field, EdgeField)
    if edge_field is not None:
        return edge_column(edge_field, shape)
    return ID if name == "id" and python_type(type_) is Client else None


def _columns(fields: Sequence[Field]) -> dict[str, Expression]:
    return {field.key: field.column for field in fields if field.column is not None}
