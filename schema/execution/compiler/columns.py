"""What is displayed of a record for each field of a client, and of its edge."""

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
    from schema.types.client import RecordField
    from schema.types.connection import EdgeField

_REMEMBERED = 1_024
"""Values of one enumeration or number remembered as they are answered."""
_NUMBERS = (GraphQLFloat, GraphQLInt)


ID = FieldExpression("value if type(value := record.id) is str else unusual()")
"""The record's own, as `Client.of` takes it."""


def record_column(told: RecordField, field: GraphQLField, shape: Shape) -> FieldExpression:
    """A field of a client that its record tells."""
    attribute, *more = told.fields
    if more:
        return FieldExpression("{own}(record)", _whole(told, shape))
    bare = get_nullable_type(field.type)
    plain = UNCHANGED.get(bare)
    if told.read is None and plain is not None:
        sound = f"type(value := record.{attribute}) is {plain.__name__} or value is None"
        return FieldExpression(f"value if {sound} else unusual()")
    answered = _answered(told.read, shape)
    if isinstance(bare, GraphQLEnumType) or bare in _NUMBERS:
        return FieldExpression(f"{{own}}[record.{attribute}]", _MemoizedValues(answered))
    return FieldExpression(f"{{own}}(record.{attribute})", answered)


def typename(name: str) -> FieldExpression:
    """The same for every record."""
    return FieldExpression("{own}", name)


def edge_column(placed: EdgeField, shape: Shape) -> Expression:
    """A field of an edge."""
    if isinstance(shape, ClientShape):
        return shape.row.columns
    if placed.of is None:
        return FieldExpression("{own}(record, nowhere, strict)", shape)
    return FieldExpression("{own}(edges, place)", placed.of)


def _whole(told: RecordField, shape: Shape) -> Callable[[ClientRecord], Any]:
    """A field made of several, none of which the record may lack."""
    show, reads = told.show, told.reads

    def answered(record: ClientRecord) -> Any:
        if record.is_missing(reads):
            fall_back()
        return shape(show(record), ROOT_PATH, STRICT)

    return answered


def _answered(read: Callable[..., Any] | None, shape: Shape) -> Callable[[Any], Any]:
    def answered(value: Any) -> Any:
        if value is None:
            return None
        if value is UNSET:
            fall_back()
        return shape(value if read is None else read(value), ROOT_PATH, STRICT)

    return answered


class _MemoizedValues(dict[Any, Any]):
    """What the values of a field become that come again and again."""

    def __init__(self, answered: Callable[[Any], Any]) -> None:
        super().__init__({None: None})
        self._answered = answered

    def __missing__(self, value: Any) -> Any:
        answer = self._answered(value)
        if len(self) < _REMEMBERED and value:  # 0 and -0.0 are one key, and two answers
            self[value] = answer
        return answer
