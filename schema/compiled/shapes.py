"""The shapes of one operation, made from the schema and what is selected.

A shape is made once for a place in an operation. It is called with a value, where that stands
and the projection under way; it returns what is answered or raises why it cannot.
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

from schema.client import Client, Told
from schema.compiled.clients import ClientShape, EdgesShape
from schema.compiled.columns import ID, placed_by, told_by, typename
from schema.compiled.completion import (
    UNCHANGED,
    as_it_is,
    leaf,
    listed,
    object_of,
    one_of,
    required,
)
from schema.compiled.fields import Field
from schema.compiled.reading import constant, origin, reading, said_of
from schema.compiled.rows import Row
from schema.connection import ClientEdge, Placed
from schema.sizes import FIELD, KEY, OBJECT, SELECTED
from schema.source import ClientRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import (
        FieldNode,
        GraphQLAbstractType,
        GraphQLField,
        GraphQLOutputType,
        GraphQLSchema,
    )

    from schema.compiled.displays import Shown
    from schema.compiled.fields import Shape
    from schema.compiled.reading import Read
    from schema.compiled.rows import Rows
    from schema.compiled.selections import Grouped, Selections


class Leaf(NamedTuple):
    """How a field of a leaf type is read and shown, which is the same wherever it is selected."""

    read: Read
    shape: Shape
    column: Shown | None


Leaves = dict[tuple[str, str], Leaf]
"""Those of a graph, by the names of type and field."""


class Shapes:
    """Makes the shapes of one operation; `rows` and `leaves` are those of the graph."""

    def __init__(
        self, schema: GraphQLSchema, selections: Selections, rows: Rows, leaves: Leaves
    ) -> None:
        self._schema = schema
        self._selections = selections
        self._rows = rows
        self._leaves = leaves
        self.size = 0
        """Bytes that they take, those of the graph apart."""

    def of(
        self, type_: GraphQLOutputType, nodes: Sequence[FieldNode], parent: str, name: str
    ) -> Shape:
        """The shape of a value of `type_`, selected by `nodes` as field `name` of `parent`.

        Raises `Unknown` where graphql-core has to tell it.
        """
        if isinstance(type_, GraphQLNonNull):
            return required(self.of(type_.of_type, nodes, parent, name), f"{parent}.{name}")
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
        shape = listed(item, nodes, f"{parent}.{name}", required=sure, plain=plain)
        if isinstance(bare, GraphQLObjectType) and origin(bare) is ClientEdge:
            return EdgesShape(_columns(self._fields(bare, self._grouped(bare, nodes))), shape)
        return shape

    def _abstract(self, type_: GraphQLAbstractType, nodes: Sequence[FieldNode]) -> Shape:
        possible = self._schema.get_possible_types(type_)
        shapes = {origin(each): self._object(each, nodes) for each in possible}
        if Client in shapes:
            shapes[ClientRecord] = shapes[Client]
        return one_of(shapes)

    def _object(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Shape:
        grouped = self._grouped(type_, nodes)
        if origin(type_) is Client:
            return self._client(type_, grouped)
        return object_of(self._fields(type_, grouped))

    def _client(self, type_: GraphQLObjectType, grouped: Grouped) -> Shape:
        if any(nodes[0].selection_set for nodes in grouped.values()):
            fields = self._fields(type_, grouped)
            return ClientShape(Row(_columns(fields)), partial(object_of, fields))
        names = {key: nodes[0].name.value for key, nodes in grouped.items()}
        row = self._rows.of(names, partial(self._column, type_))
        return ClientShape(row, lambda: object_of(self._fields(type_, grouped)))

    def _column(self, type_: GraphQLObjectType, name: str) -> Shown:
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
                key, nodes, required=True, read=read, shape=as_it_is, column=typename(type_.name)
            )
        self.size += FIELD
        field = type_.fields[name]
        leaf = self._leaves.get((type_.name, name))
        if leaf is None:
            read = reading(field)
            shape = self.of(field.type, nodes, type_.name, name)
            leaf = Leaf(read, shape, _column_of(type_, name, field, shape))
            if is_leaf_type(get_nullable_type(field.type)):
                self._leaves[type_.name, name] = leaf
        return Field(key, nodes, isinstance(field.type, GraphQLNonNull), *leaf)


def _column_of(
    type_: GraphQLObjectType, name: str, field: GraphQLField, shape: Shape
) -> Shown | None:
    told = said_of(field, Told)
    if told is not None:
        return told_by(told, field, shape)
    placed = said_of(field, Placed)
    if placed is not None:
        return placed_by(placed, shape)
    return ID if name == "id" and origin(type_) is Client else None


def _columns(fields: Sequence[Field]) -> dict[str, Shown]:
    return {field.key: field.column for field in fields if field.column is not None}
