"""Expressions for the fields of a client's record and of its edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import GraphQLEnumType, GraphQLFloat, GraphQLInt, get_nullable_type
from msgspec import UNSET

from schema.execution.compiler.client_shapes import ClientShape
from schema.execution.compiler.codegen import FieldExpression, fall_back
from schema.execution.compiler.completion import UNCHANGED
from schema.execution.compiler.projection import ROOT_PATH, STRICT

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLField

    from schema.execution.compiler.codegen import Expression
    from schema.execution.compiler.fields import Shape
    from schema.source.records import ClientRecord
    from schema.types.client_connection import EdgeField
    from schema.types.record_fields import RecordField

_MAX_MEMOIZED = 1_024
"""Largest number of completed values cached for one enumeration or number field."""
_NUMBERS = (GraphQLFloat, GraphQLInt)


ID = FieldExpression("value if type(value := record.id) is str else unusual()")
"""The record's id, checked like `Client.of` checks it."""


def record_column(record_field: RecordField, field: GraphQLField, shape: Shape) -> FieldExpression:
    """Return the expression for a client's field that is read from the record."""
    attribute, *more = record_field.fields
    if more:
        return FieldExpression("{own}(record)", _complete_several(record_field, shape))
    bare = get_nullable_type(field.type)
    plain = UNCHANGED.get(bare)
    if record_field.read is None and plain is not None:
        sound = f"type(value := record.{attribute}) is {plain.__name__} or value is None"
        return FieldExpression(f"value if {sound} else unusual()")
    complete = _complete_with(record_field.read, shape)
    if isinstance(bare, GraphQLEnumType) or bare in _NUMBERS:
        return FieldExpression(f"{{own}}[record.{attribute}]", _MemoizedValues(complete))
    return FieldExpression(f"{{own}}(record.{attribute})", complete)


def typename(name: str) -> FieldExpression:
    """Return the expression for the constant `__typename`."""
    return FieldExpression("{own}", name)


def edge_column(edge_field: EdgeField, shape: Shape) -> Expression:
    """Return the expression for a field of an edge."""
    if isinstance(shape, ClientShape):
        return shape.row.columns
    if edge_field.of is None:
        return FieldExpression("{own}(record, nowhere, strict)", shape)
    return FieldExpression("{own}(edges, place)", edge_field.of)


def _complete_several(record_field: RecordField, shape: Shape) -> Callable[[ClientRecord], Any]:
    """Return a function for a field made of several record fields, all of them required."""
    show, reads = record_field.show, record_field.reads

    def complete(record: ClientRecord) -> Any:
        if record.is_missing(reads):
            fall_back()
        return shape(show(record), ROOT_PATH, STRICT)

    return complete


def _complete_with(read: Callable[..., Any] | None, shape: Shape) -> Callable[[Any], Any]:
    def complete(value: Any) -> Any:
        if value is None:
            return None
        if value is UNSET:
            fall_back()
        return shape(value if read is None else read(value), ROOT_PATH, STRICT)

    return complete


class _MemoizedValues(dict[Any, Any]):
    """The completed values of one field by their raw values."""

    def __init__(self, complete: Callable[[Any], Any]) -> None:
        super().__init__({None: None})
        self._complete = complete

    def __missing__(self, value: Any) -> Any:
        completed = self._complete(value)
        if len(self) < _MAX_MEMOIZED and value:  # 0 and -0.0 are equal keys with different results
            self[value] = completed
        return completed
